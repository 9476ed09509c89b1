#include "common/upgrade/departure.hpp"

#include "common/observe/event.hpp"

namespace relaunch::upgrade {

std::vector<Departure::Action> Departure::on(Event event) {
  if (step_ == Step::gone) return {};
  if (event == Event::gone) {
    step_ = Step::gone;
    return {Action::report};
  }
  switch (step_) {
    case Step::draining:
      step_ = pushed_ = Step::asked;
      return {Action::ask, Action::arm_grace};
    case Step::asked:
      step_ = pushed_ = Step::killed;
      return {Action::kill, Action::arm_grace};
    case Step::killed:
      step_ = Step::stuck;
      return {Action::report};
    case Step::gone:
    case Step::stuck:
      break;
  }
  return {};
}

const char* Departure::text() const {
  if (step_ == Step::stuck) return "does not end although it was killed";
  switch (pushed_) {
    case Step::asked:
      return "left when it was asked at its drain deadline";
    case Step::killed:
      return "was killed after its drain deadline";
    default:
      return "left";
  }
}

std::string_view Departure::exit_reason() const {
  if (step_ == Step::stuck) return observe::exit_reason::kStuck;
  return pushed_ == Step::killed ? observe::exit_reason::kKilled
                                 : observe::exit_reason::kDrained;
}

}  // namespace relaunch::upgrade
