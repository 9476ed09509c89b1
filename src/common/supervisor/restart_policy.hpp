// When a generation that has ended is started again: pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>

#include "common/supervisor/options.hpp"

namespace relaunch::supervisor {

class RestartPolicy {
 public:
  using Clock = std::chrono::steady_clock;

  explicit RestartPolicy(const RestartOptions& options) : options_(options) {}
  /// From now on; what has been counted stays.
  void configure(const RestartOptions& options) { options_ = options; }

  /// How long to wait before the next start; nothing in a crash loop, which
  /// only an operator ends. `chance` is any number: the delay is lengthened by
  /// up to a quarter, so that instances that fell together do not rise
  /// together.
  std::optional<std::chrono::milliseconds> ended(Clock::time_point now,
                                                 std::uint32_t chance);
  /// A generation has been committed.
  void committed(Clock::time_point now) { committed_ = now; }
  /// The operator has done something about it.
  void forgive();
  bool in_crash_loop() const { return in_crash_loop_; }

 private:
  RestartOptions options_;
  std::deque<Clock::time_point> ends_;  ///< within the window
  std::optional<Clock::time_point> committed_;
  std::chrono::milliseconds delay_{0};  ///< the last one, without chance
  bool in_crash_loop_ = false;
};

}  // namespace relaunch::supervisor
