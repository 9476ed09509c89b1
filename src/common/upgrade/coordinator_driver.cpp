#include "common/upgrade/coordinator_driver.hpp"

#include <boost/asio/post.hpp>
#include <utility>

#include "common/os/fault.hpp"
#include "common/os/system.hpp"

namespace relaunch::upgrade {

using std::chrono::steady_clock;

namespace {

os::ProcessId pid_of(const Generation& generation) {
  return generation.process() ? generation.process()->id() : 0;
}

}  // namespace

CoordinatorDriver::CoordinatorDriver(Context& context, Host& host,
                                     Departures& departures,
                                     Coordinator::AfterCommit after_commit)
    : context_(context),
      host_(host),
      departures_(departures),
      machine_(after_commit),
      maker_(context),
      step_timer_(context.io),
      health_timer_(context.io),
      lost_timer_(context.io),
      told_(context) {}

CoordinatorDriver::~CoordinatorDriver() {
  const bool successor_may_go_on =
      !machine_.holds_turn() || machine_.step() == Coordinator::Step::leaving;
  if (!attempt_) return;
  if (attempt_->successor && !successor_may_go_on) attempt_->successor->kill();
  Outcome ended = outcome(Outcome::Result::failed);
  ended.phase = machine_.phase();
  ended.code = errc::stopped;
  ended.reason = "this process ends";
  answer(ended);
}

void CoordinatorDriver::request(Order order, OnLine on_line, OnEnd on_end) {
  if (!idle()) {
    refused_ = std::move(on_end);
    return feed(event::Requested{});
  }
  if (auto reason = host_.why_not()) {
    return refuse(on_end, errc::not_permitted, std::move(*reason));
  }
  // Where nobody serves, those that drain are no reason to wait.
  if (!order.start && departures_.count() >= context_.options.max_draining) {
    return refuse(on_end, errc::busy,
                  text::cat(departures_.count(),
                            " older generations are still draining"));
  }
  if (serves_already(order)) {
    Outcome outcome = this->outcome(Outcome::Result::nothing_to_do);
    outcome.phase = Phase::stage;
    outcome.release = order.release->id;
    return decline(on_end, outcome);
  }
  const event::From from = begins_at(order);
  attempt_ = std::make_unique<Attempt>();
  attempt_->plan = context_.launched;
  if (order.arguments) attempt_->plan.arguments = *order.arguments;
  if (order.release) attempt_->release = *order.release;
  attempt_->order = std::move(order);
  attempt_->on_line = std::move(on_line);
  attempt_->on_end = std::move(on_end);
  attempt_->began = steady_clock::now();
  told_.began(attempt_->order.start);
  feed(event::Requested{from, host_.pid() == 0, attempt_->order.insists});
}

bool CoordinatorDriver::abort() {
  const bool something = !idle() && !left();
  feed(event::AbortRequested{});
  return something;
}

bool CoordinatorDriver::serves_already(const Order& order) const {
  return order.release && !order.release->id.empty() && !order.request.force &&
         !order.arguments && order.release->id == context_.release &&
         host_.pid() != 0;
}

event::From CoordinatorDriver::begins_at(const Order& order) const {
  if (order.release) return event::From::launch;
  if (order.artifact || order.request.skip_build ||
      context_.options.build.arguments.empty()) {
    return event::From::stage;
  }
  return event::From::build;
}

void CoordinatorDriver::feed(CoordinatorEvent event) {
  events_.feed(std::move(event), [this](const CoordinatorEvent& next) {
    told_.seen(next);
    const auto actions = machine_.on(next);
    note_phase();
    for (const auto& action : actions) {
      os::fault(name_of(action));
      std::visit([this](const auto& what) { run(what); }, action);
    }
  });
}

void CoordinatorDriver::note_phase() {
  const Phase phase = machine_.phase();
  if (!attempt_ || phase == Phase::idle) return;
  auto& phases = attempt_->phases;
  if (!phases.empty() && phases.back().phase == phase) return;
  phases.push_back({phase, elapsed()});
  context_.board.change([&](Status& status) {
    status.phase = phase;
    status.phases = phases;
  });
  told_.entered(phase, phases.back().at);
  context_.log_transition(LogLevel::info, "upgrade: phase=", to_string(phase));
}

std::chrono::microseconds CoordinatorDriver::elapsed() const {
  return std::chrono::duration_cast<std::chrono::microseconds>(
      steady_clock::now() - attempt_->began);
}

void CoordinatorDriver::decline(const OnEnd& on_end, const Outcome& outcome) {
  told_.declined(outcome);
  on_end(outcome);
}

void CoordinatorDriver::refuse(const OnEnd& on_end, std::error_code why,
                               std::string reason) {
  Outcome outcome = this->outcome(Outcome::Result::refused);
  outcome.code = why;
  outcome.reason = std::move(reason);
  decline(on_end, outcome);
}

void CoordinatorDriver::run(const action::RefuseRequest& refusal) {
  refuse(std::exchange(refused_, {}), refusal.why,
         refusal.why == errc::busy ? text::cat("another upgrade is in phase ",
                                               to_string(machine_.phase()))
                                   : "this generation is leaving");
}

// build, stage, launch -------------------------------------------------------

void CoordinatorDriver::run(const action::StartBuild&) {
  maker_.build(
      [this](std::string_view line) {
        if (attempt_ && attempt_->on_line) attempt_->on_line(line);
      },
      [this](build::Finished finished) {
        if (attempt_) attempt_->build_output = std::move(finished.tail);
        feed(event::Built{std::move(finished.error)});
      });
}

void CoordinatorDriver::run(const action::CancelBuild&) {
  maker_.cancel_build();
}

void CoordinatorDriver::run(const action::Stage&) {
  const Order& order = attempt_->order;
  ReleaseMaker::Wanted wanted;
  wanted.artifact = order.artifact.value_or(context_.artifact());
  wanted.also_held = order.request.force;
  // The same program with other arguments is something to do, and to start it
  // where nobody serves.
  wanted.also_running =
      order.request.force || order.arguments || host_.pid() == 0;
  maker_.stage(std::move(wanted), [this](ReleaseMaker::Staged staged) {
    if (!attempt_) return;  // given up meanwhile
    attempt_->release = std::move(staged.release);
    feed(event::Staged{staged.nothing_to_do, std::move(staged.error)});
  });
}

void CoordinatorDriver::run(const action::CancelStage&) {
  maker_.cancel_stage();
}

void CoordinatorDriver::run(const action::Launch&) {
  attempt_->successor = host_.make_successor(
      [this](CoordinatorEvent event) { feed(std::move(event)); });
  auto launched =
      attempt_->successor->launch(attempt_->release, attempt_->plan);
  if (launched) {
    const auto pid = pid_of(*attempt_->successor);
    context_.board.change([&](Status& status) {
      status.successor_generation = context_.generation + 1;
      status.successor_pid = pid;
    });
    told_.launched(pid, attempt_->release.id);
  }
  feed(event::Launched{launched ? std::optional<Error>{} : launched.error()});
}

void CoordinatorDriver::run(const action::Welcome&) {
  attempt_->successor->welcome();
  if (auto introduced = host_.introduce(*attempt_->successor); !introduced) {
    return feed(event::SuccessorFailed{introduced.error(), false});
  }
  attempt_->successor->hand_over_listeners();
}

void CoordinatorDriver::run(const action::AskHealth&) {
  attempt_->successor->ask_health();
}

// switch, probation and back -------------------------------------------------

void CoordinatorDriver::run(const action::PauseAccepting&) {
  host_.pause(*attempt_->successor, [this, number = ++pauses_] {
    // One that was called off may still finish, in a later attempt even.
    if (number == pauses_) feed(event::Paused{});
  });
}

void CoordinatorDriver::run(const action::EndIncumbent&) {
  host_.end_incumbent();
}

void CoordinatorDriver::run(const action::GiveTurn&) {
  attempt_->successor->give_turn();
}

void CoordinatorDriver::run(const action::ResumeAccepting&) {
  ++pauses_;
  host_.resume();
}

void CoordinatorDriver::run(const action::TakeTurnBack&) {
  attempt_->successor->take_turn_back(context_.options.deadlines.drain);
}

void CoordinatorDriver::run(const action::KillSuccessor&) {
  attempt_->successor->kill();
}

void CoordinatorDriver::run(const action::WatchSuccessorLeave&) {
  auto leaver = leaver_of(std::move(attempt_->successor));
  leaver.generation = context_.generation + 1;
  leaver.deadline = steady_clock::now() + context_.options.deadlines.drain;
  leaver.grace = context_.options.deadlines.grace;
  departures_.watch(std::move(leaver));
}

// commit and the end ---------------------------------------------------------

void CoordinatorDriver::run(const action::Record&) {
  auto recorded = context_.store->set_current({attempt_->release.id,
                                               context_.generation + 1,
                                               pid_of(*attempt_->successor)});
  feed(event::Recorded{recorded ? std::optional<Error>{} : recorded.error()});
}

void CoordinatorDriver::run(const action::RestoreRecord&) {
  auto restored = context_.store->set_current(
      {context_.release, context_.generation, host_.pid()});
  if (!restored) context_.log(LogLevel::error, restored.error().text());
}

void CoordinatorDriver::run(const action::Commit&) {
  const Deadlines& deadlines = context_.options.deadlines;
  attempt_->successor->commit(deadlines.drain, deadlines.grace);
}

void CoordinatorDriver::run(const action::AnswerAndSucceed&) {
  // Whoever asked is answered before the drain, and is part of it.
  Outcome done = outcome(Outcome::Result::done);
  done.serving_generation = context_.generation + 1;
  done.serving_pid = pid_of(*attempt_->successor);
  context_.log_transition(
      LogLevel::info, "upgrade committed: generation=", done.serving_generation,
      " pid=", done.serving_pid, " release=", done.release);
  context_.board.change([&](Status& status) {
    status.phases = done.phases;
    status.successor_generation = status.successor_pid = 0;
    // A start is no upgrade.
    if (!attempt_->order.start) status.last_outcome = to_string(done.result);
  });
  answer(done);
  told_.ended(done);
  const std::shared_ptr<Attempt> ended = std::move(attempt_);
  // Its channel may be what is calling right now.
  boost::asio::post(context_.io, [ended] {});
  context_.launched = std::move(ended->plan);
  host_.succeed(std::move(ended->successor), ended->release);
}

void CoordinatorDriver::run(const action::Finish& finish) {
  end_attempt(outcome(finish.result));
}

Outcome CoordinatorDriver::outcome(Outcome::Result result) const {
  Outcome outcome;
  outcome.result = result;
  const bool successor_serves =
      attempt_ && attempt_->successor && !machine_.holds_turn();
  outcome.serving_pid =
      successor_serves ? pid_of(*attempt_->successor) : host_.pid();
  if (outcome.serving_pid != 0) {
    outcome.serving_generation =
        context_.generation + (successor_serves ? 1 : 0);
  }
  if (!attempt_ || result == Outcome::Result::refused) return outcome;
  outcome.release = attempt_->release.id;
  outcome.build_output = attempt_->build_output;
  outcome.phases = attempt_->phases;
  if (!outcome.phases.empty()) outcome.phase = outcome.phases.back().phase;
  if (result == Outcome::Result::done) outcome.phase = Phase::commit;
  outcome.phases.push_back({Phase::done, elapsed()});
  if (const auto& failure = machine_.failure()) {
    outcome.phase = failure->phase;
    outcome.code = failure->error.code();
    outcome.reason = failure->error.text();
  }
  return outcome;
}

void CoordinatorDriver::end_attempt(const Outcome& outcome) {
  const auto& failure = machine_.failure();
  // Where nobody else serves there is nothing better to go back to.
  if (failure && failure->blames_release && !outcome.release.empty() &&
      host_.pid() != 0) {
    auto held = context_.store->hold(outcome.release, outcome.reason);
    if (!held) context_.log(LogLevel::warning, held.error().text());
  }
  // Builds that fail again and again must not fill the disk. A successor that
  // was taken back may still drain out of this one's folder.
  if (!outcome.release.empty()) {
    context_.store->prune(departures_.releases_to_keep(),
                          {context_.release, outcome.release});
  }
  context_.log_transition(outcome.ok() ? LogLevel::info : LogLevel::warning,
                          "upgrade ended, still serving: outcome=\"",
                          to_string(outcome.result),
                          "\" phase=", to_string(outcome.phase), " reason=\"",
                          text::printable(outcome.reason), '"');
  context_.board.change([&](Status& status) {
    status.phase = Phase::idle;
    status.phases = outcome.phases;
    status.successor_generation = status.successor_pid = 0;
    status.last_outcome =
        text::cat(to_string(outcome.result), outcome.reason.empty() ? "" : ": ",
                  outcome.reason);
  });
  told_.ended(outcome);
  // Its watch or its channel may be what is calling right now.
  std::shared_ptr<Attempt> ended = std::move(attempt_);
  if (ended->successor) ended->successor->mute();
  boost::asio::post(context_.io, [ended] {});
  if (ended->on_end) ended->on_end(outcome);
  host_.ended(outcome);
}

void CoordinatorDriver::answer(const Outcome& outcome) {
  if (auto on_end = std::exchange(attempt_->on_end, {})) on_end(outcome);
}

void CoordinatorDriver::run(const action::Leave&) {
  context_.log(LogLevel::info, "stop requested, draining");
  context_.board.change([](Status& status) { status.phase = Phase::drain; });
  host_.leave();
}

// deadlines ------------------------------------------------------------------

void CoordinatorDriver::run(const action::Arm& arm) {
  const auto after = arm.instead.value_or(length(arm.wait));
  timer(arm.timer).arm(
      after, [this, which = arm.timer] { feed(event::Expired{which}); });
}

void CoordinatorDriver::run(const action::Disarm& disarm) {
  timer(disarm.timer).disarm();
}

DeadlineTimer& CoordinatorDriver::timer(Timer which) {
  if (which == Timer::health) return health_timer_;
  return which == Timer::lost ? lost_timer_ : step_timer_;
}

std::chrono::milliseconds CoordinatorDriver::length(Wait wait) const {
  const Deadlines& deadlines = context_.options.deadlines;
  switch (wait) {
    case Wait::build:
      return deadlines.build;
    case Wait::stage:
      return deadlines.stage;
    case Wait::hello:
      return deadlines.hello;
    case Wait::ready:
      return deadlines.ready;
    case Wait::pause:
      return deadlines.pause;
    case Wait::turn:
      return deadlines.turn;
    case Wait::probation:
      return deadlines.probation;
    case Wait::health:
      return deadlines.health;
    case Wait::health_interval:
      return deadlines.health_interval;
    case Wait::lost:
      return std::chrono::milliseconds{500};
    case Wait::grace:
      return deadlines.grace;
    case Wait::kill:
      return std::chrono::seconds{5};
  }
  return std::chrono::seconds{5};
}

}  // namespace relaunch::upgrade
