// A generation that has lost its supervisor looks for the next one.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "common/os/channel.hpp"
#include "common/os/process.hpp"
#include "common/protocol/message.hpp"
#include "common/upgrade/deadline_timer.hpp"

namespace relaunch::upgrade {

/// Asks at the address again and again, less and less often. All calls and
/// callbacks on the io_context's thread.
class Rejoining {
 public:
  static constexpr std::chrono::milliseconds kFirstDelay{100};
  static constexpr std::chrono::milliseconds kLongestDelay{5'000};
  static constexpr std::chrono::milliseconds kAnswerDeadline{5'000};

  using Introduce = std::function<protocol::Rejoin()>;
  using Found = std::function<void(std::unique_ptr<os::Channel>, os::Process)>;

  /// `found` once; it may destroy this.
  Rejoining(boost::asio::io_context& io, std::string address,
            Introduce introduce, Found found);

 private:
  void try_once();
  void try_later();
  void on_answer(os::Received received);

  boost::asio::io_context& io_;
  std::string address_;
  Introduce introduce_;
  Found found_;
  DeadlineTimer timer_;
  std::chrono::milliseconds delay_ = kFirstDelay;
  std::unique_ptr<os::Channel> channel_;
};

}  // namespace relaunch::upgrade
