// One deadline: armed again at will, and silent once it is disarmed.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <utility>

namespace relaunch::upgrade {

/// All calls and the callback on the io_context's thread.
class DeadlineTimer {
 public:
  explicit DeadlineTimer(boost::asio::io_context& io)
      : timer_(io), armed_(std::make_shared<std::uint64_t>(0)) {}
  ~DeadlineTimer() { disarm(); }

  void arm(std::chrono::milliseconds after, std::function<void()> on_expiry) {
    const std::uint64_t mine = ++*armed_;
    timer_.expires_after(after);
    timer_.async_wait([armed = armed_, mine, on_expiry = std::move(on_expiry)](
                          const boost::system::error_code&) {
      // A wait that had expired already is not cancelled any more: the number
      // tells that it is not the one that is waited for.
      if (*armed == mine) on_expiry();
    });
  }
  void disarm() {
    ++*armed_;
    timer_.cancel();
  }

 private:
  boost::asio::steady_timer timer_;
  std::shared_ptr<std::uint64_t> armed_;
};

}  // namespace relaunch::upgrade
