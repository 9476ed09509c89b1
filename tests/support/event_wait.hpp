// Bounded waits on events: no test sleeps.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>

#include "common/os/process.hpp"

namespace relaunch::test {

inline constexpr std::chrono::milliseconds kPatience{20'000};

/// Runs what is ready and what becomes ready until `done` or the limit; it is
/// looked at after each handler. Answers what `done` said last.
bool wait_until(boost::asio::io_context& io, const std::function<bool()>& done,
                std::chrono::milliseconds limit = kPatience);

/// Runs what is ready now, without waiting.
void run_ready(boost::asio::io_context& io);

/// False: the process still lives at the limit.
bool wait_for_end(const os::Process& process,
                  std::chrono::milliseconds limit = kPatience);

/// Ends a process on every way out of a test, and waits for it.
class KilledAtEnd {
 public:
  explicit KilledAtEnd(os::Process& process) : process_(process) {}
  ~KilledAtEnd();
  KilledAtEnd(const KilledAtEnd&) = delete;
  KilledAtEnd& operator=(const KilledAtEnd&) = delete;

 private:
  os::Process& process_;
};

}  // namespace relaunch::test
