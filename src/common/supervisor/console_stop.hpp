// Asks a generation on Windows to stop that knows only its console: by a helper
// process that attaches to that console, never the supervisor itself, which
// would lose its own and could be hit by what it sends.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.hpp"
#include "common/os/console_event.hpp"
#include "common/os/process.hpp"
#include "common/supervisor/options.hpp"

namespace relaunch::supervisor {

/// What stands for a signal on Windows: INT is Ctrl+C, any other Ctrl+Break.
os::ConsoleEvent console_event_for(std::string_view signal);
/// How a program that is stopped by it has to be launched.
os::Console console_for(os::ConsoleEvent event);

/// The hidden verb of the command that makes it the helper.
inline constexpr char kConsoleStopVerb[] = "send-console-event";

/// What the helper does; its exit code.
int run_console_stop_helper();

/// One request, from start() to `done`. All on the io_context's thread.
class ConsoleStop {
 public:
  /// `helper`: the arguments with which this very program calls
  /// run_console_stop_helper(). `done` with nothing when the event was sent:
  /// that the program heeds it is not known. Errors: the helper cannot be
  /// started; POSIX: not supported.
  static Result<ConsoleStop> start(
      boost::asio::io_context& io, const os::Process& process,
      os::ConsoleEvent event, std::function<void(Result<void>)> done,
      const std::vector<std::string>& helper = {kConsoleStopVerb});
  ConsoleStop(ConsoleStop&&) noexcept;
  ConsoleStop& operator=(ConsoleStop&&) noexcept;
  ~ConsoleStop();  ///< ends the helper; no call comes afterwards

 private:
  struct Impl;
  explicit ConsoleStop(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

/// Asks a program that knows nothing of relaunch to stop as it takes it: by the
/// signal, or by what stands for it. `log` is told what fails, and may outlive
/// this call. What is returned lives until the process has ended.
std::optional<ConsoleStop> ask_program_to_stop(
    boost::asio::io_context& io, const std::shared_ptr<os::Process>& process,
    const ForeignOptions& options,
    std::function<void(const Result<void>&)> log);

}  // namespace relaunch::supervisor
