// What the coordinator does, told to whoever follows the events and kept in
// the history.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/upgrade/context.hpp"
#include "common/upgrade/coordinator.hpp"

namespace relaunch::upgrade {

/// All calls on the library's thread.
class UpgradeEvents {
 public:
  explicit UpgradeEvents(Context& context) : context_(context) {}

  /// `start`: a supervisor's own start, which has no number and no history.
  void began(bool start);
  /// At this time after the beginning.
  void entered(Phase phase, std::chrono::microseconds at);
  void launched(os::ProcessId pid, const std::string& release);
  /// What the successor says, or its end.
  void seen(const CoordinatorEvent& event);
  void ended(const Outcome& outcome);
  void declined(const Outcome& outcome);

 private:
  observe::Event event(std::string_view name) const;
  observe::Event of_successor(std::string_view name) const;

  Context& context_;
  bool start_ = false;
  std::uint64_t upgrade_ = 0;  ///< 0: none is under way, or a start
  std::uint64_t last_upgrade_ = 0;
  std::chrono::steady_clock::time_point began_{};
  std::chrono::microseconds entered_at_{0};
  bool first_ = true;
  Phase phase_ = Phase::idle;
  std::chrono::steady_clock::time_point launched_at_{};
  os::ProcessId pid_ = 0;  ///< the successor's; 0: none runs
  std::string release_;
};

}  // namespace relaunch::upgrade
