#include "common/upgrade/coordinator.hpp"

#include <utility>

#include "common/base/text.hpp"

namespace relaunch::upgrade {

namespace {

template <typename Event>
const Event* as(const CoordinatorEvent& event) {
  return std::get_if<Event>(&event);
}

bool is_step_expiry(const CoordinatorEvent& event) {
  const auto* expired = as<event::Expired>(event);
  return expired && expired->timer == Timer::step;
}

action::Arm arm(Wait wait) { return {Timer::step, wait, {}}; }

Error ended(const event::SuccessorGone& gone) {
  const std::error_code code = errc::successor_exited;
  return {code, text::cat(code.message(), ": ", gone.status)};
}

/// An operator has asked for it, by an abort or a stop.
Error stopped_by(const CoordinatorEvent& event) {
  const std::error_code code = errc::stopped;
  const bool aborted = as<event::AbortRequested>(event) != nullptr;
  return {code, text::cat(code.message(), ": ",
                          aborted ? "the upgrade was aborted"
                                  : "the instance was told to stop")};
}

void add(CoordinatorActions& to, CoordinatorActions more) {
  to.insert(to.end(), more.begin(), more.end());
}

}  // namespace

Phase Coordinator::phase() const {
  switch (step_) {
    case Step::idle:
      return Phase::idle;
    case Step::building:
      return Phase::build;
    case Step::staging:
      return Phase::stage;
    case Step::launching:
    case Step::greeting:
      return Phase::launch;
    case Step::adopting:
    case Step::preparing:
    case Step::checking:
      return Phase::prepare;
    case Step::pausing:
    case Step::switching:
      return Phase::switching;
    case Step::probation:
    case Step::taking_back:
      return Phase::probation;
    case Step::giving_up:
    case Step::ending:
      return failure_ ? failure_->phase : Phase::idle;
    case Step::committing:
    case Step::confirming:
      return Phase::commit;
    case Step::leaving:
      return Phase::drain;
  }
  return Phase::idle;
}

CoordinatorActions Coordinator::on(const CoordinatorEvent& event) {
  if (as<event::Requested>(event) && step_ != Step::idle) {
    return {action::RefuseRequest{step_ == Step::leaving ? errc::stopped
                                                         : errc::busy}};
  }
  if (as<event::StopRequested>(event) && step_ != Step::leaving) {
    stop_wanted_ = true;
  }
  if (const auto* gone = as<event::IncumbentEnded>(event)) {
    return incumbent_gone(*gone);
  }
  switch (step_) {
    case Step::idle:
      return in_idle(event);
    case Step::building:
      return in_building(event);
    case Step::staging:
      return in_staging(event);
    case Step::launching:
      return in_launching(event);
    case Step::greeting:
    case Step::adopting:
    case Step::preparing:
    case Step::checking:
      return before_switch(event);
    case Step::pausing:
      return in_pausing(event);
    case Step::switching:
      return in_switching(event);
    case Step::probation:
      return in_probation(event);
    case Step::taking_back:
      return in_taking_back(event);
    case Step::giving_up:
    case Step::ending:
      return in_ending(event);
    case Step::committing:
      return in_committing(event);
    case Step::confirming:
      return in_confirming(event);
    case Step::leaving:
      return {};
  }
  return {};
}

CoordinatorActions Coordinator::in_idle(const CoordinatorEvent& event) {
  if (as<event::StopRequested>(event)) {
    step_ = Step::leaving;
    return {action::Leave{}};
  }
  const auto* requested = as<event::Requested>(event);
  if (!requested) return {};
  failure_.reset();
  lost_.reset();
  awaiting_health_ = probation_over_ = successor_gone_ = recorded_ = false;
  nobody_serves_ = requested->nobody_serves;
  insists_ = requested->insists;
  switch (requested->from) {
    case event::From::launch:
      step_ = Step::launching;
      return {action::Launch{}};
    case event::From::stage:
      step_ = Step::staging;
      return {arm(Wait::stage), action::Stage{}};
    case event::From::build:
      break;
  }
  step_ = Step::building;
  return {arm(Wait::build), action::StartBuild{}};
}

// While a build runs nobody would serve until it has ended: what served last
// is started again first. From the launch on the successor is nearer.
CoordinatorActions Coordinator::incumbent_gone(
    const event::IncumbentEnded& gone) {
  if (step_ == Step::building || step_ == Step::staging) {
    return end_upgrade({errc::incumbent_exited, gone.status}, false);
  }
  nobody_serves_ = true;
  if (step_ == Step::giving_up) return kill_successor();
  return step_ == Step::probation ? commit() : Actions{};
}

CoordinatorActions Coordinator::in_building(const CoordinatorEvent& event) {
  if (const auto* built = as<event::Built>(event)) {
    if (!failure_ && built->error) note_failure(*built->error, false);
    if (failure_) return finish();
    step_ = Step::staging;
    return {arm(Wait::stage), action::Stage{}};
  }
  if (is_step_expiry(event)) {
    if (failure_) return finish();  // cancelled, and it does not even end
    return end_upgrade(expired_error(), false);
  }
  if (as<event::AbortRequested>(event) || as<event::StopRequested>(event)) {
    return end_upgrade(stopped_by(event), false);
  }
  return {};
}

CoordinatorActions Coordinator::in_staging(const CoordinatorEvent& event) {
  if (const auto* staged = as<event::Staged>(event)) {
    if (!failure_ && staged->error) note_failure(*staged->error, false);
    if (failure_) return finish();
    if (staged->nothing_to_do) {
      step_ = Step::idle;
      CoordinatorActions actions{
          action::Disarm{Timer::step},
          action::Finish{Outcome::Result::nothing_to_do}};
      if (stop_wanted_) add(actions, in_idle(event::StopRequested{}));
      return actions;
    }
    step_ = Step::launching;
    return {action::Launch{}};
  }
  if (is_step_expiry(event)) {
    if (failure_) return finish();
    return end_upgrade(expired_error(), false);
  }
  if (as<event::AbortRequested>(event) || as<event::StopRequested>(event)) {
    return end_upgrade(stopped_by(event), false);
  }
  return {};
}

CoordinatorActions Coordinator::in_launching(const CoordinatorEvent& event) {
  if (as<event::AbortRequested>(event) || as<event::StopRequested>(event)) {
    note_failure(stopped_by(event), false);
    return {};
  }
  const auto* launched = as<event::Launched>(event);
  if (!launched) return {};
  if (launched->error) {
    note_failure(*launched->error, false);
    return finish();
  }
  if (failure_) return kill_successor();
  step_ = Step::greeting;
  return {arm(Wait::hello)};
}

CoordinatorActions Coordinator::before_switch(const CoordinatorEvent& event) {
  if (as<event::HelloReceived>(event) && step_ == Step::greeting) {
    step_ = Step::adopting;  // the same deadline goes on
    return {action::Welcome{}};
  }
  if (as<event::Adopted>(event) && step_ == Step::adopting) {
    step_ = Step::preparing;
    return {arm(Wait::ready)};
  }
  if (const auto* extended = as<event::ReadyExtended>(event);
      extended && step_ == Step::preparing) {
    return {action::Arm{Timer::step, Wait::ready, extended->more}};
  }
  if (as<event::SuccessorReady>(event) && step_ == Step::preparing) {
    step_ = Step::checking;
    return {arm(Wait::health), action::AskHealth{}};
  }
  if (const auto* answer = as<event::HealthAnswered>(event);
      answer && step_ == Step::checking) {
    if (!answer->healthy) {
      return end_upgrade({errc::unhealthy, "cannot give the turn"}, true);
    }
    step_ = Step::pausing;
    return {arm(Wait::pause), action::PauseAccepting{}};
  }
  if (const auto* failed = as<event::SuccessorFailed>(event)) {
    return failed->ends ? gives_up(*failed)
                        : end_upgrade(failed->error, failed->blames_release);
  }
  if (const auto* gone = as<event::SuccessorGone>(event)) {
    return successor_gone(*gone);
  }
  if (const auto* lost = as<event::ChannelLost>(event)) {
    return channel_lost(*lost);
  }
  if (const auto* expired = as<event::Expired>(event)) {
    if (expired->timer == Timer::lost) return end_upgrade(*lost_, true);
    if (expired->timer == Timer::step)
      return end_upgrade(expired_error(), true);
  }
  if (as<event::AbortRequested>(event) || as<event::StopRequested>(event)) {
    return end_upgrade(stopped_by(event), false);
  }
  return {};
}

CoordinatorActions Coordinator::in_pausing(const CoordinatorEvent& event) {
  if (as<event::Paused>(event)) {
    // A turn that cannot arrive is not given: it would be away for nothing.
    if (lost_) return end_upgrade(*lost_, true);
    step_ = Step::switching;
    holds_turn_ = false;
    return {arm(Wait::turn), action::GiveTurn{}};
  }
  if (is_step_expiry(event)) {
    if (std::exchange(insists_, false)) {
      return {arm(Wait::kill), action::EndIncumbent{}};
    }
    return end_upgrade(expired_error(), false);
  }
  return before_switch(event);
}

CoordinatorActions Coordinator::in_switching(const CoordinatorEvent& event) {
  if (as<event::SuccessorServing>(event)) {
    step_ = Step::probation;
    // Nobody could take the turn back: what serves is all there is.
    if (nobody_serves_) return commit();
    CoordinatorActions actions{arm(Wait::probation)};
    add(actions, ask_health());
    return actions;
  }
  return before_switch(event);
}

CoordinatorActions Coordinator::in_probation(const CoordinatorEvent& event) {
  if (const auto* answer = as<event::HealthAnswered>(event)) {
    if (!awaiting_health_) return {};
    awaiting_health_ = false;
    if (!answer->healthy) {
      return end_upgrade({errc::unhealthy, "cannot commit"}, true);
    }
    if (probation_over_) return commit();
    return {action::Arm{Timer::health, Wait::health_interval, {}}};
  }
  if (as<event::ProbationEnded>(event)) return commit();
  if (is_step_expiry(event)) {
    // It must answer once more before it may stay.
    probation_over_ = true;
    return awaiting_health_ ? CoordinatorActions{} : ask_health();
  }
  const auto* expired = as<event::Expired>(event);
  if (expired && expired->timer == Timer::health) {
    if (!awaiting_health_) return ask_health();
    return end_upgrade({errc::unhealthy, "cannot commit, no answer came"},
                       true);
  }
  return before_switch(event);
}

CoordinatorActions Coordinator::in_taking_back(const CoordinatorEvent& event) {
  if (as<event::TurnReturned>(event)) {
    holds_turn_ = true;
    CoordinatorActions actions{action::ResumeAccepting{},
                               action::WatchSuccessorLeave{}};
    add(actions, finish());
    return actions;
  }
  if (const auto* gone = as<event::SuccessorGone>(event)) {
    return successor_gone(*gone);
  }
  if (as<event::ChannelLost>(event) || is_step_expiry(event)) {
    return kill_successor();
  }
  return {};
}

CoordinatorActions Coordinator::in_ending(const CoordinatorEvent& event) {
  if (const auto* gone = as<event::SuccessorGone>(event)) {
    return successor_gone(*gone);
  }
  if (step_ == Step::giving_up &&
      (is_step_expiry(event) || as<event::AbortRequested>(event) ||
       as<event::StopRequested>(event))) {
    return kill_successor();
  }
  if (!is_step_expiry(event)) return {};
  // It was killed, yet does not end: a frozen process dies when it is thawed,
  // before any of its own code runs again. So it accepts no more, and waiting
  // longer would only mean that nobody does.
  CoordinatorActions actions;
  if (!std::exchange(holds_turn_, true)) {
    actions.push_back(action::ResumeAccepting{});
  }
  actions.push_back(action::WatchSuccessorLeave{});
  add(actions, finish());
  return actions;
}

CoordinatorActions Coordinator::in_committing(const CoordinatorEvent& event) {
  if (const auto* gone = as<event::SuccessorGone>(event)) {
    successor_gone_ = true;
    note_failure(ended(*gone), true);
    return {};
  }
  if (const auto* lost = as<event::ChannelLost>(event)) {
    note_failure(lost->error, false);
    return {};
  }
  if (const auto* failed = as<event::SuccessorFailed>(event)) {
    note_failure(failed->error, failed->blames_release);
    return {};
  }
  const auto* recorded = as<event::Recorded>(event);
  if (!recorded) return {};
  recorded_ = !recorded->error;
  if (successor_gone_) return successor_gone({});
  if (failure_) return kill_successor();  // it cannot be told any more
  if (recorded->error) {
    note_failure(*recorded->error, false);
    step_ = Step::probation;  // it still is, and is taken back from there
    return end_upgrade(*recorded->error, false);
  }
  step_ = Step::confirming;
  return {arm(Wait::turn), action::Commit{}};
}

// "Done" is true when the successor takes the next request itself. It stays in
// any case, unless it ends or cannot be reached here: then it may not even
// know, and nothing has been given up yet.
CoordinatorActions Coordinator::in_confirming(const CoordinatorEvent& event) {
  if (const auto* gone = as<event::SuccessorGone>(event)) {
    return successor_gone(*gone);
  }
  if (const auto* lost = as<event::ChannelLost>(event)) {
    note_failure(lost->error, false);
    return kill_successor();
  }
  if (const auto* failed = as<event::SuccessorFailed>(event)) {
    note_failure(failed->error, failed->blames_release);
    return kill_successor();
  }
  if (!as<event::CommitAcknowledged>(event) && !is_step_expiry(event)) {
    return {};
  }
  step_ = stays_ ? Step::idle : Step::leaving;
  holds_turn_ = stays_;
  CoordinatorActions actions{action::Disarm{Timer::step},
                             action::Disarm{Timer::lost},
                             action::AnswerAndSucceed{}};
  if (stays_ && stop_wanted_) add(actions, in_idle(event::StopRequested{}));
  return actions;
}

CoordinatorActions Coordinator::ask_health() {
  awaiting_health_ = true;
  return {action::AskHealth{}, action::Arm{Timer::health, Wait::health, {}}};
}

CoordinatorActions Coordinator::commit() {
  if (lost_) return {};  // the deadline for that is running
  step_ = Step::committing;
  return {action::Disarm{Timer::step}, action::Disarm{Timer::health},
          action::Record{}};
}

// Every way out before the commit goes through here: how much must be undone
// depends on the step alone.
CoordinatorActions Coordinator::end_upgrade(Error error, bool blames_release) {
  note_failure(std::move(error), blames_release);
  switch (step_) {
    case Step::building:
      return {arm(Wait::kill), action::CancelBuild{}};
    case Step::staging:
      return {arm(Wait::kill), action::CancelStage{}};
    case Step::pausing: {
      CoordinatorActions actions{action::ResumeAccepting{}};
      add(actions, kill_successor());
      return actions;
    }
    case Step::probation:
      if (lost_) return kill_successor();
      step_ = Step::taking_back;
      return {action::Disarm{Timer::health}, arm(Wait::turn),
              action::TakeTurnBack{}};
    default:
      return kill_successor();
  }
}

// Before the switch there is time for it to say on its own streams what it said
// here, and to clean up.
CoordinatorActions Coordinator::gives_up(const event::SuccessorFailed& failed) {
  if (step_ >= Step::pausing) {
    return end_upgrade(failed.error, failed.blames_release);
  }
  note_failure(failed.error, failed.blames_release);
  step_ = Step::giving_up;
  return {action::Disarm{Timer::lost}, arm(Wait::grace)};
}

CoordinatorActions Coordinator::kill_successor() {
  step_ = Step::ending;
  return {action::Disarm{Timer::health}, action::Disarm{Timer::lost},
          arm(Wait::kill), action::KillSuccessor{}};
}

CoordinatorActions Coordinator::successor_gone(
    const event::SuccessorGone& gone) {
  if (!failure_) {
    note_failure(ended(gone), true);
  }
  CoordinatorActions actions;
  const bool was_pausing = step_ == Step::pausing;
  if (!std::exchange(holds_turn_, true) || was_pausing) {
    actions.push_back(action::ResumeAccepting{});
  }
  add(actions, finish());
  return actions;
}

CoordinatorActions Coordinator::channel_lost(const event::ChannelLost& lost) {
  if (lost_) return {};
  lost_ = lost.error;
  // What broke the rules is ended at once. A channel that merely closed is
  // mostly a process that ends: its exit status says more than "lost".
  if (lost.error.code() != make_error_code(errc::channel_lost)) {
    return end_upgrade(lost.error, true);
  }
  return {action::Arm{Timer::lost, Wait::lost, {}}};
}

CoordinatorActions Coordinator::finish() {
  const bool taken_back = failure_ && failure_->after_switch;
  step_ = Step::idle;
  CoordinatorActions actions{
      action::Disarm{Timer::step}, action::Disarm{Timer::health},
      action::Disarm{Timer::lost},
      action::Finish{taken_back ? Outcome::Result::rolled_back
                                : Outcome::Result::failed}};
  if (std::exchange(recorded_, false)) {
    actions.insert(actions.begin(), action::RestoreRecord{});
  }
  if (stop_wanted_) add(actions, in_idle(event::StopRequested{}));
  return actions;
}

void Coordinator::note_failure(Error error, bool blames_release) {
  if (failure_) return;  // the first reason is the true one
  failure_ = Failure{phase(), std::move(error), blames_release, !holds_turn_};
}

Error Coordinator::expired_error() const {
  switch (step_) {
    case Step::building:
      return {errc::build_timeout, "build cancelled"};
    case Step::greeting:
    case Step::adopting:
      return {errc::hello_timeout, "cannot hand over"};
    case Step::preparing:
      return {errc::ready_timeout, "cannot give the turn"};
    case Step::checking:
      return {errc::unhealthy, "cannot give the turn, no answer came"};
    case Step::pausing:
      return {errc::switch_timeout, "this generation did not stop accepting"};
    case Step::switching:
      return {errc::switch_timeout,
              "the successor does not say that it serves"};
    default:
      return {std::make_error_code(std::errc::timed_out),
              text::cat("phase ", to_string(phase()))};
  }
}

}  // namespace relaunch::upgrade
