// A generation that is to leave, seen by the one that stays: a pure machine.
// It is waited for, asked, killed, and at last listed as stuck; each step has
// its deadline, and nothing else waits for it.
#pragma once

#include <string_view>
#include <vector>

namespace relaunch::upgrade {

class Departure {
 public:
  enum class Step { draining, asked, killed, gone, stuck };
  enum class Event { gone, expired };
  enum class Action { ask, kill, arm_grace, report };

  std::vector<Action> on(Event event);
  Step step() const { return step_; }
  /// How far it had to be pushed: "left", "left when asked", "was killed",
  /// "does not end although it was killed".
  const char* text() const;
  /// The same as events name it.
  std::string_view exit_reason() const;
  bool over() const { return step_ == Step::gone || step_ == Step::stuck; }

 private:
  Step step_ = Step::draining;
  Step pushed_ = Step::draining;
};

}  // namespace relaunch::upgrade
