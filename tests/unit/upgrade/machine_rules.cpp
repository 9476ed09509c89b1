#include "machine_rules.hpp"

#include <utility>

namespace relaunch::upgrade {

namespace {

template <typename Event, typename Events>
const Event* as(const Events& event) {
  return std::get_if<Event>(&event);
}

}  // namespace

// the coordinator ------------------------------------------------------------

void CoordinatorRules::after(const CoordinatorEvent& event,
                             const CoordinatorActions& actions,
                             const Coordinator& machine) {
  must(!leaving_ || actions.empty() || has<action::RefuseRequest>(actions),
       "who leaves does nothing more");
  event_ = event;
  failure_known_ = machine.failure().has_value();
  note(event);
  check_refusal(event, actions);
  for (const auto& action : actions) {
    std::visit([this](const auto& what) { run(what); }, action);
  }
  check_state(machine);
  check_deadlines(machine);
}

void CoordinatorRules::note(const CoordinatorEvent& event) {
  if (as<event::StopRequested>(event) && !leaving_) stop_requested_ = true;
  if (const auto* expired = as<event::Expired>(event)) {
    armed_.erase(expired->timer);
    // The end of one that was killed does not show: none of its code runs.
    if (attempt_ && attempt_->killed) attempt_->may_resume = true;
  }
  if (!attempt_) return;
  if (as<event::ChannelLost>(event)) attempt_->lost = true;
  if (const auto* launched = as<event::Launched>(event)) {
    attempt_->launched = !launched->error;
  }
  if (as<event::SuccessorGone>(event)) {
    attempt_->may_resume = true;
    attempt_->launched = false;
  }
  if (as<event::TurnReturned>(event) && attempt_->asked_back) {
    attempt_->may_resume = true;
  }
  if (const auto* recorded = as<event::Recorded>(event)) {
    attempt_->recorded = !recorded->error;
  }
}

void CoordinatorRules::check_refusal(const CoordinatorEvent& event,
                                     const CoordinatorActions& actions) {
  const bool requested = as<event::Requested>(event) != nullptr;
  const bool free = !attempt_ && !leaving_;
  must(has<action::RefuseRequest>(actions) == (requested && !free),
       "every request is taken or refused, once");
  if (requested && free) attempt_ = Attempt{};
}

void CoordinatorRules::run(const action::Arm& arm) {
  armed_[arm.timer] = arm.wait;
}
void CoordinatorRules::run(const action::Disarm& disarm) {
  armed_.erase(disarm.timer);
}
void CoordinatorRules::run(const action::Launch&) {
  must(attempt_ && !attempt_->launched, "one successor at a time");
  if (attempt_) attempt_->launched = true;
}
void CoordinatorRules::run(const action::PauseAccepting&) {
  must(attempt_ && attempt_->launched, "pauses for a successor only");
  if (attempt_) attempt_->paused = true;
}
void CoordinatorRules::run(const action::GiveTurn&) {
  must(attempt_ && attempt_->paused && as<event::Paused>(event_),
       "gives the turn only when it has stopped accepting");
  if (!attempt_) return;
  must(!attempt_->given, "gives the turn once");
  must(!attempt_->lost, "gives no turn on a channel that is lost");
  attempt_->given = attempt_->was_given = true;
  attempt_->may_resume = false;
}
void CoordinatorRules::run(const action::TakeTurnBack&) {
  must(attempt_ && attempt_->given, "takes back only a turn it has given");
  must(attempt_ && !attempt_->told, "a commit is not taken back by asking");
  if (attempt_) attempt_->asked_back = true;
}
void CoordinatorRules::run(const action::KillSuccessor&) {
  must(attempt_ && attempt_->launched, "kills only its own successor");
  if (attempt_) attempt_->killed = true;
}
void CoordinatorRules::run(const action::ResumeAccepting&) {
  must(attempt_ && attempt_->paused, "resumes only what was paused");
  if (!attempt_) return;
  must(attempt_->may_resume, "resumes only when nobody else has the turn");
  attempt_->paused = attempt_->given = false;
}
void CoordinatorRules::run(const action::WatchSuccessorLeave&) {
  must(attempt_ && attempt_->launched, "watches its own successor leave");
  if (attempt_) attempt_->launched = false;
}
void CoordinatorRules::run(const action::Record&) {
  must(attempt_ && attempt_->given, "records a successor that serves");
}
void CoordinatorRules::run(const action::RestoreRecord&) {
  must(attempt_ && attempt_->recorded, "restores only what it has recorded");
  if (attempt_) attempt_->recorded = false;
}
void CoordinatorRules::run(const action::Commit&) {
  must(attempt_ && attempt_->recorded, "commits only what is recorded");
  must(attempt_ && !attempt_->lost, "commits on no channel that is lost");
  if (attempt_) attempt_->told = true;
}
void CoordinatorRules::run(const action::AnswerAndSucceed&) {
  must(attempt_ && attempt_->told && attempt_->recorded && attempt_->given,
       "leaves only for a successor that is committed");
  must(attempt_ && !attempt_->killed && attempt_->launched,
       "leaves only for a successor that lives, as far as it knows");
  attempt_.reset();
  leaving_ = true;
}

void CoordinatorRules::run(const action::Finish& finish) {
  must(attempt_.has_value(), "answers each request once");
  if (!attempt_) return;
  const bool failed = finish.result == Outcome::Result::failed;
  const bool back = finish.result == Outcome::Result::rolled_back;
  const auto* staged = as<event::Staged>(event_);
  must(failed || back || (staged && staged->nothing_to_do),
       "says that there was nothing to do only if that is true");
  must(back == attempt_->was_given, "says rolled back if the turn had left");
  must(!(failed || back) || failure_known_, "says why it failed");
  must(!attempt_->launched, "leaves no successor unwatched");
  must(!attempt_->paused && !attempt_->given, "an end leaves it accepting");
  must(!attempt_->recorded, "an end leaves its own release on record");
  attempt_.reset();
}

void CoordinatorRules::run(const action::Leave&) {
  must(stop_requested_ && !attempt_, "leaves when asked, after the upgrade");
  leaving_ = true;
}

void CoordinatorRules::check_state(const Coordinator& machine) {
  using Step = Coordinator::Step;
  const Step step = machine.step();
  must((step == Step::idle) == (!attempt_ && !leaving_),
       "an ended upgrade leaves it idle");
  must((step == Step::leaving) == leaving_, "leaving is for ever");
  must(!attempt_ || machine.holds_turn() == !attempt_->given,
       "knows whether it has the turn");
  must(attempt_ || leaving_ || machine.holds_turn(), "idle, it has the turn");
  must(!stop_requested_ || attempt_ || leaving_, "a stop is not forgotten");
}

// A cancelled build or staging has the deadline of what was killed.
void CoordinatorRules::check_deadlines(const Coordinator& machine) {
  using Step = Coordinator::Step;
  static const std::map<Step, Wait> kWaits{
      {Step::building, Wait::build},   {Step::staging, Wait::stage},
      {Step::greeting, Wait::hello},   {Step::adopting, Wait::hello},
      {Step::preparing, Wait::ready},  {Step::checking, Wait::health},
      {Step::pausing, Wait::pause},    {Step::switching, Wait::turn},
      {Step::taking_back, Wait::turn}, {Step::giving_up, Wait::grace},
      {Step::ending, Wait::kill},      {Step::confirming, Wait::turn}};
  const Step step = machine.step();
  if (step == Step::idle || step == Step::leaving) {
    must(armed_.empty(), "nothing wakes up an idle generation");
  } else if (step == Step::probation) {
    must(armed_.count(Timer::step) + armed_.count(Timer::health) > 0,
         "a probation has a deadline");
  } else if (const auto own = kWaits.find(step); own != kWaits.end()) {
    // The others are one call of the system, which returns.
    const auto it = armed_.find(Timer::step);
    must(it != armed_.end(), "every step has a deadline");
    must(it == armed_.end() || it->second == own->second ||
             it->second == Wait::kill,
         "every step has its own deadline");
  }
}

// the successor --------------------------------------------------------------

void SuccessorRules::after(const SuccessorEvent& event,
                           const SuccessorActions& actions,
                           const Successor& machine) {
  must(!over_ || actions.empty(), "who stays or leaves does nothing more");
  if (as<event::IncumbentGone>(event)) gone_ = true;
  if (as<event::IncumbentLost>(event)) lost_ = true;
  if (as<event::TurnReceived>(event) && ready_) turn_ = true;
  if (as<event::SuccessorStopRequested>(event)) stop_requested_ = true;
  expired_ = as<event::SuccessorExpired>(event) != nullptr;
  if (expired_) armed_.reset();
  note_timer(actions);
  check_turn(event, actions);
  check_end(event, actions);
  check_deadline(machine);
}

void SuccessorRules::note_timer(const SuccessorActions& actions) {
  for (const auto& action : actions) {
    if (const auto* arm = std::get_if<action::ArmSuccessor>(&action)) {
      armed_ = arm->wait;
    } else if (std::get_if<action::DisarmSuccessor>(&action)) {
      armed_.reset();
    }
  }
}

void SuccessorRules::check_turn(const SuccessorEvent& event,
                                const SuccessorActions& actions) {
  if (has<action::SendReady>(actions)) {
    must(!std::exchange(ready_, true), "says ready once");
  }
  must(!has<action::TakeTurn>(actions) || turn_ || gone_,
       "takes the turn when it is given, or nobody else is there");
  if (has<action::YieldTurn>(actions)) yielded_ = false;
  if (as<event::Yielded>(event)) yielded_ = true;
  must(!has<action::SendTurn>(actions) || yielded_,
       "gives the turn back only when it has stopped accepting");
  must(!has<action::SendServing>(actions) || as<event::Accepting>(event),
       "says that it serves when it does");
}

void SuccessorRules::check_end(const SuccessorEvent& event,
                               const SuccessorActions& actions) {
  const auto* stay = find<action::Stay>(actions);
  const bool alone = has<action::RecordAlone>(actions);
  const bool leave = has<action::LeaveAgain>(actions);
  const bool give_up = has<action::GiveUp>(actions);
  must(!alone || gone_, "records itself only if it is alone");
  must(!has<action::GoOnAlone>(actions) || gone_, "goes on alone if it is");
  must(!stay || stay->watch_incumbent != alone, "stays for one reason");
  must(!stay || alone || as<event::CommitReceived>(event),
       "stays only when it is committed, or alone");
  must(!has<action::SendCommitted>(actions) || stay, "says that it stays");
  must(!leave || !gone_ || stop_requested_, "alone, it leaves when asked only");
  must(!give_up || !gone_ || expired_, "alone, it gives up for no message");
  if (stay || leave || give_up) over_ = true;
}

void SuccessorRules::check_deadline(const Successor& machine) {
  using Step = Successor::Step;
  const Step step = machine.step();
  if (step == Step::left || step == Step::committed) {
    must(!armed_, "nothing wakes up who stays or leaves");
    must(over_, "who stays or leaves says so");
  } else if (step < Step::taking) {
    must(armed_.has_value(), "every step before the turn has a deadline");
  } else if (lost_ && !gone_) {
    // Otherwise the end of its incumbent is waited for, which is watched.
    must(armed_.has_value(), "no turn is kept for ever on a lost channel");
  }
}

}  // namespace relaunch::upgrade
