// The end of the process at the other end of a channel, told only when what it
// had still sent has been read.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <utility>

#include "common/os/process.hpp"
#include "common/upgrade/deadline_timer.hpp"

namespace relaunch::upgrade {

/// All calls and the callback on the io_context's thread.
class PeerEnd {
 public:
  explicit PeerEnd(boost::asio::io_context& io) : io_(io), patience_(io) {}

  /// Replaces the process that was watched before.
  Result<void> watch(const os::Process& process, std::function<void()> on_end) {
    watch_.reset();
    on_end_ = std::move(on_end);
    auto watch = os::ProcessWatch::start(io_, process, [this] { gone(); });
    if (!watch) return watch.error();
    watch_ = std::make_unique<os::ProcessWatch>(std::move(*watch));
    return {};
  }
  /// For another process, on another channel.
  void begin_again() {
    stop_watching();
    gone_ = channel_ended_ = false;
  }
  /// The channel has been read to its end.
  void channel_ended() {
    channel_ended_ = true;
    if (gone_) tell();
  }
  void stop_watching() {
    watch_.reset();
    patience_.disarm();
    on_end_ = nullptr;
  }

 private:
  void gone() {
    gone_ = true;
    if (channel_ended_) return tell();
    // A process that it forked may keep the channel open.
    patience_.arm(std::chrono::milliseconds{200}, [this] { tell(); });
  }
  void tell() {
    patience_.disarm();
    if (auto on_end = std::exchange(on_end_, nullptr)) on_end();
  }

  boost::asio::io_context& io_;
  DeadlineTimer patience_;
  std::unique_ptr<os::ProcessWatch> watch_;
  std::function<void()> on_end_;
  bool gone_ = false;
  bool channel_ended_ = false;
};

}  // namespace relaunch::upgrade
