#include "common/upgrade/successor.hpp"

#include <utility>

namespace relaunch::upgrade {

namespace {

using Wait = action::ArmSuccessor::Wait;

template <typename Event>
const Event* as(const SuccessorEvent& event) {
  return std::get_if<Event>(&event);
}

}  // namespace

SuccessorActions Successor::begin() {
  return {action::ArmSuccessor{Wait::hello}};
}

Phase Successor::phase() const {
  switch (step_) {
    case Step::greeting:
      return Phase::launch;
    case Step::adopting:
    case Step::initialising:
    case Step::waiting:
      return Phase::prepare;
    case Step::taking:
      return Phase::switching;
    case Step::serving:
    case Step::giving_back:
      return Phase::probation;
    case Step::left:
      return Phase::drain;
    case Step::committed:
    case Step::pausing:
    case Step::paused:
      return Phase::commit;
  }
  return Phase::idle;
}

SuccessorActions Successor::on(const SuccessorEvent& event) {
  if (step_ == Step::left) return {};
  if (is_committed()) {
    return supervised_ ? under_supervisor(event) : Actions{};
  }
  if (as<event::Rejoined>(event)) orphaned_ = lost_ = false;
  if (as<event::IncumbentGone>(event)) {
    return supervised_ ? supervisor_gone() : incumbent_gone();
  }
  if (const auto* lost = as<event::IncumbentLost>(event)) {
    return incumbent_lost(*lost);
  }
  if (as<event::SuccessorExpired>(event)) return expired();
  if (const auto* failed = as<event::CannotAdopt>(event)) {
    // What a dead incumbent had still sent matters no more.
    return alone_ ? Actions{} : give_up(failed->error);
  }
  if (as<event::SuccessorStopRequested>(event)) {
    stop_wanted_ = true;
    return alone_ || orphaned_ ? leave_alone() : Actions{action::ForwardStop{}};
  }
  return progress(event);
}

// It serves until it is told otherwise; without its supervisor too.
SuccessorActions Successor::under_supervisor(const SuccessorEvent& event) {
  if (as<event::DrainReceived>(event)) {
    step_ = Step::left;
    return {action::LeaveForGood{}};
  }
  if (as<event::SuccessorStopRequested>(event)) {
    if (!orphaned_) return {action::ForwardStop{}};
    step_ = Step::left;
    return {action::LeaveForGood{}};
  }
  if (as<event::IncumbentGone>(event)) return supervisor_gone();
  if (as<event::IncumbentLost>(event)) {
    return std::exchange(lost_, true) ? Actions{} : Actions{action::Rejoin{}};
  }
  if (as<event::Rejoined>(event)) orphaned_ = lost_ = false;
  switch (step_) {
    case Step::committed:
      if (as<event::Accepting>(event)) return {action::SendServing{}};
      if (!as<event::PauseReceived>(event)) break;
      step_ = Step::pausing;
      return {action::YieldTurn{}};
    case Step::pausing:
    case Step::paused:
      if (as<event::Yielded>(event) && step_ == Step::pausing && !orphaned_) {
        step_ = Step::paused;
        return {action::SendTurn{}};
      }
      // Nobody has been given it, or whoever had it is gone.
      if (as<event::Yielded>(event) || as<event::TurnReceived>(event) ||
          as<event::NextGone>(event)) {
        step_ = Step::committed;
        return {action::TakeTurn{}};
      }
      break;
    default:
      break;
  }
  return {};
}

// Whoever has the turn keeps it; a successor without it is not needed.
SuccessorActions Successor::supervisor_gone() {
  orphaned_ = true;
  if (step_ < Step::taking) {
    return give_up({errc::channel_lost, "the supervisor ended"});
  }
  Actions actions;
  if (!std::exchange(lost_, true) || !is_committed()) {
    actions.push_back(action::Rejoin{});
  }
  if (step_ == Step::serving) actions.push_back(action::DisarmSuccessor{});
  if (step_ == Step::paused) actions.push_back(action::WatchNext{});
  return actions;
}

SuccessorActions Successor::progress(const SuccessorEvent& event) {
  if (as<event::ApplicationReady>(event) && step_ < Step::initialising) {
    ready_ = true;
    return {};
  }
  switch (step_) {
    case Step::greeting:
      if (!as<event::Welcomed>(event)) break;
      step_ = Step::adopting;  // the same deadline goes on
      return {};
    case Step::adopting:
      if (!as<event::AllAdopted>(event)) break;
      return initialise({});
    case Step::initialising:
      if (!as<event::ApplicationReady>(event)) break;
      return application_ready();
    case Step::waiting:
      if (!as<event::TurnReceived>(event)) break;
      step_ = Step::taking;
      return {action::ArmSuccessor{Wait::turn}, action::TakeTurn{}};
    case Step::taking:
      if (as<event::GiveBackReceived>(event)) {
        step_ = Step::giving_back;
        return {action::ArmSuccessor{Wait::turn}, action::YieldTurn{}};
      }
      if (!as<event::Accepting>(event)) break;
      if (alone_) return stay_alone();
      step_ = Step::serving;
      // On a lost channel no answer can come: its deadline goes on.
      if (lost_)
        return orphaned_ ? Actions{action::DisarmSuccessor{}} : Actions{};
      // From here the incumbent's process handle is what is waited on: it
      // commits, takes the turn back, or ends.
      return {action::DisarmSuccessor{}, action::SendServing{}};
    case Step::serving:
      if (as<event::CommitReceived>(event)) {
        step_ = Step::committed;
        return {action::DisarmSuccessor{}, action::Stay{!supervised_},
                action::SendCommitted{}};
      }
      if (!as<event::GiveBackReceived>(event)) break;
      step_ = Step::giving_back;
      return {action::ArmSuccessor{Wait::turn}, action::YieldTurn{}};
    case Step::giving_back:
      if (!as<event::Yielded>(event)) break;
      if (alone_) {  // the incumbent ended meanwhile: nobody else can serve
        step_ = Step::taking;
        return {action::ArmSuccessor{Wait::turn}, action::TakeTurn{}};
      }
      step_ = Step::left;
      return {action::DisarmSuccessor{}, action::SendTurn{},
              action::LeaveAgain{}};
    default:
      break;
  }
  return {};
}

SuccessorActions Successor::initialise(Actions actions) {
  step_ = Step::initialising;
  actions.push_back(action::ArmSuccessor{Wait::ready_cap});
  if (ready_) {
    for (auto& action : application_ready()) {
      actions.push_back(std::move(action));
    }
  }
  return actions;
}

SuccessorActions Successor::application_ready() {
  if (alone_) {
    step_ = Step::taking;
    return {action::ArmSuccessor{Wait::turn}, action::TakeTurn{}};
  }
  step_ = Step::waiting;
  return {action::ArmSuccessor{Wait::turn}, action::SendReady{}};
}

SuccessorActions Successor::incumbent_gone() {
  alone_ = true;
  // The incumbent did not live to act on it.
  if (stop_wanted_) return leave_alone();
  switch (step_) {
    case Step::greeting:
    case Step::adopting:
      return initialise({action::GoOnAlone{}});
    case Step::waiting:
      step_ = Step::taking;
      return {action::ArmSuccessor{Wait::turn}, action::TakeTurn{}};
    case Step::serving:
      return stay_alone();
    // Noticed at the next step; the time for this one counts anew, since the
    // channel that was lost before may have cut it short.
    case Step::initialising:
      return {action::ArmSuccessor{Wait::ready_cap}};
    case Step::taking:
    case Step::giving_back:
      return {action::ArmSuccessor{Wait::turn}};
    default:
      return {};
  }
}

SuccessorActions Successor::incumbent_lost(const event::IncumbentLost& lost) {
  if (std::exchange(lost_, true) || alone_ || orphaned_) return {};
  if (lost.error.code() != make_error_code(errc::channel_lost) &&
      step_ < Step::taking) {
    return give_up(lost.error);
  }
  // Mostly its end; its process handle will tell. If it lives on, it ends this
  // process in turn, and takes back what it gave.
  return {action::ArmSuccessor{Wait::lost}};
}

SuccessorActions Successor::expired() {
  switch (step_) {
    case Step::greeting:
    case Step::adopting:
      return give_up({errc::hello_timeout, "the incumbent gave nothing"});
    case Step::initialising:
      return give_up({errc::ready_timeout, "the application took too long"});
    case Step::waiting:
      return give_up({errc::switch_timeout, "the incumbent kept the turn"});
    case Step::taking:
    case Step::serving:
      // The channel is lost while the incumbent lives: it is about to accept
      // again, and two must not. Alone, nobody else could serve.
      if (!lost_ || alone_ || orphaned_) break;
      step_ = Step::left;
      return {action::YieldTurn{}, action::LeaveAgain{}};
    case Step::giving_back:
      if (alone_) break;
      step_ = Step::left;  // the incumbent will end this process
      return {action::LeaveAgain{}};
    default:
      break;
  }
  return {};
}

SuccessorActions Successor::stay_alone() {
  step_ = Step::committed;
  return {action::DisarmSuccessor{}, action::RecordAlone{},
          action::Stay{false}};
}

SuccessorActions Successor::leave_alone() {
  step_ = Step::left;
  return {action::DisarmSuccessor{}, action::LeaveAgain{}};
}

SuccessorActions Successor::give_up(Error error) {
  step_ = Step::left;
  return {action::DisarmSuccessor{}, action::GiveUp{std::move(error)}};
}

}  // namespace relaunch::upgrade
