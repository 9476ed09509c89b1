#include "common/upgrade/upgrade_events.hpp"

#include <algorithm>

#include "common/base/outcome_name.hpp"

namespace relaunch::upgrade {

using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace name = observe::name;

namespace {

void describe(const Outcome& outcome, observe::Event& event) {
  event.level = outcome.ok() ? LogLevel::info : LogLevel::warning;
  event.generation = outcome.serving_generation;
  event.pid = outcome.serving_pid;
  event.phase = to_string(outcome.phase);
  event.outcome = outcome_name(outcome.result);
  event.release = outcome.release;
  event.message = outcome.reason;
}

}  // namespace

observe::Event UpgradeEvents::event(std::string_view name) const {
  observe::Event event;
  event.name = name;
  event.upgrade = upgrade_;
  return event;
}

observe::Event UpgradeEvents::of_successor(std::string_view name) const {
  observe::Event event = this->event(name);
  event.generation = context_.generation + 1;
  event.pid = pid_;
  event.release = release_;
  event.duration =
      duration_cast<milliseconds>(steady_clock::now() - launched_at_);
  return event;
}

void UpgradeEvents::began(bool start) {
  start_ = start;
  first_ = true;
  phase_ = Phase::idle;
  pid_ = 0;
  release_.clear();
  upgrade_ = 0;
  began_ = steady_clock::now();
  if (start) return;
  // The upgrade before may have been another generation's.
  context_.history.refresh();
  upgrade_ = std::max(last_upgrade_, context_.history.last_upgrade()) + 1;
  last_upgrade_ = upgrade_;
  context_.events.add(event(name::kUpgradeStarted));
}

void UpgradeEvents::entered(Phase phase, std::chrono::microseconds at) {
  observe::Event entered =
      event(start_ ? name::kStartPhase : name::kUpgradePhase);
  entered.phase = to_string(phase);
  if (!first_) entered.duration = duration_cast<milliseconds>(at - entered_at_);
  first_ = false;
  entered_at_ = at;
  phase_ = phase;
  context_.events.add(std::move(entered));
}

void UpgradeEvents::launched(os::ProcessId pid, const std::string& release) {
  pid_ = pid;
  release_ = release;
  launched_at_ = steady_clock::now();
  observe::Event started = of_successor(name::kGenerationStarted);
  started.duration.reset();
  context_.events.add(std::move(started));
}

void UpgradeEvents::seen(const CoordinatorEvent& what) {
  if (pid_ == 0) return;
  if (std::get_if<event::SuccessorReady>(&what)) {
    context_.events.add(of_successor(name::kGenerationReady));
  } else if (const auto* gone = std::get_if<event::SuccessorGone>(&what)) {
    observe::Event exited = of_successor(name::kGenerationExited);
    exited.outcome = observe::exit_reason::kFailed;
    exited.level = LogLevel::warning;
    exited.message = gone->status;
    pid_ = 0;
    context_.events.add(std::move(exited));
  }
}

void UpgradeEvents::ended(const Outcome& outcome) {
  const auto took = duration_cast<milliseconds>(steady_clock::now() - began_);
  observe::Event ended =
      event(start_ ? name::kStartEnded : name::kUpgradeEnded);
  describe(outcome, ended);
  ended.duration = took;
  if (outcome.result == Outcome::Result::done) {
    context_.events.add(of_successor(name::kGenerationCommitted));
  }
  context_.events.add(std::move(ended));
  pid_ = 0;
  if (start_) return;
  auto kept =
      context_.history.add(observe::history_entry(upgrade_, outcome, took));
  if (!kept) context_.log(LogLevel::warning, kept.error().text());
}

void UpgradeEvents::declined(const Outcome& outcome) {
  observe::Event declined;
  declined.name = name::kUpgradeEnded;
  describe(outcome, declined);
  context_.events.add(std::move(declined));
}

}  // namespace relaunch::upgrade
