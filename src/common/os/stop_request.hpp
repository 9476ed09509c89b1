// The operator asks the program to stop.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>

#include "common/base/result.hpp"

namespace relaunch::os {

/// POSIX: TERM, INT and QUIT; takes their handlers while it lives (the host's
/// own ones are silent meanwhile, and are put back), which is why it is opt-in.
/// Windows: console control events, and a named event
/// `Local\relaunch-stop-<pid>` that Process::ask_to_stop sets.
class StopRequests {
 public:
  /// `on_stop` on the io_context's thread, each time.
  static Result<StopRequests> watch(boost::asio::io_context& io,
                                    std::function<void()> on_stop);
  StopRequests(StopRequests&&) noexcept;
  StopRequests& operator=(StopRequests&&) noexcept;
  ~StopRequests();  ///< no call comes afterwards

 private:
  struct Impl;
  explicit StopRequests(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace relaunch::os
