#include "common/upgrade/coordinator_driver.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "common/os/files.hpp"
#include "common/os/system.hpp"
#include "common/release/tree_hash.hpp"

namespace relaunch::upgrade {

namespace {

using std::chrono::steady_clock;

// Few enough that a receiver with a usual limit of handles takes them, and
// that each batch is acknowledged long before a deadline.
constexpr std::size_t kBatch = 64;

std::uint32_t in_ms(std::chrono::milliseconds length) {
  return static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(length.count(), 0, UINT32_MAX));
}

}  // namespace

CoordinatorDriver::CoordinatorDriver(Context& context, ThisGeneration& self,
                                     Departures& departures)
    : context_(context),
      self_(self),
      departures_(departures),
      step_timer_(context.io),
      health_timer_(context.io),
      lost_timer_(context.io) {}

CoordinatorDriver::~CoordinatorDriver() {
  stage_cancelled_ = true;
  if (stage_thread_.joinable()) stage_thread_.join();
  const bool successor_may_go_on =
      !machine_.holds_turn() || machine_.step() == Coordinator::Step::leaving;
  if (attempt_ && attempt_->process && !successor_may_go_on) {
    if (auto killed = attempt_->process.kill(); !killed) {
      context_.log(LogLevel::error, killed.error().text());
    }
  }
}

void CoordinatorDriver::request(UpgradeRequest request, OnLine on_line,
                                OnEnd on_end) {
  if (!idle()) {
    refused_ = std::move(on_end);
    return feed(event::Requested{});
  }
  if (auto reason = os::why_not_replaceable()) {
    Outcome outcome = this->outcome(Outcome::Result::refused);
    outcome.code = errc::not_permitted;
    outcome.reason = std::move(*reason);
    return on_end(outcome);
  }
  const bool build =
      !request.skip_build && !context_.options.build.arguments.empty();
  attempt_ = std::make_unique<Attempt>(context_.io);
  attempt_->request = request;
  attempt_->on_line = std::move(on_line);
  attempt_->on_end = std::move(on_end);
  attempt_->began = steady_clock::now();
  feed(event::Requested{build});
}

// Actions may cause events at once: they wait until the actions of the event
// before have all run.
void CoordinatorDriver::feed(CoordinatorEvent event) {
  events_.push_back(std::move(event));
  if (std::exchange(running_, true)) return;
  while (!events_.empty()) {
    const CoordinatorEvent next = std::move(events_.front());
    events_.pop_front();
    const auto actions = machine_.on(next);
    note_phase();
    for (const auto& action : actions) {
      std::visit([this](const auto& what) { run(what); }, action);
    }
  }
  running_ = false;
}

void CoordinatorDriver::note_phase() {
  const Phase phase = machine_.phase();
  if (!attempt_ || phase == Phase::idle) return;
  auto& phases = attempt_->phases;
  if (!phases.empty() && phases.back().phase == phase) return;
  phases.push_back(
      {phase, std::chrono::duration_cast<std::chrono::microseconds>(
                  steady_clock::now() - attempt_->began)});
  context_.board.change([&](Status& status) {
    status.phase = phase;
    status.phases = phases;
  });
  context_.log(LogLevel::info, "upgrade: phase=", to_string(phase));
}

void CoordinatorDriver::run(const action::RefuseRequest& refusal) {
  Outcome outcome = this->outcome(Outcome::Result::refused);
  outcome.code = refusal.why;
  outcome.reason = refusal.why == errc::busy
                       ? text::cat("another upgrade is in phase ",
                                   to_string(machine_.phase()))
                       : "this generation is leaving";
  if (auto on_end = std::exchange(refused_, {})) on_end(outcome);
}

// build ----------------------------------------------------------------------

void CoordinatorDriver::run(const action::StartBuild&) {
  free_artifact_file();
  const Command& command = context_.options.build;
  build::BuildCommand build{command.arguments, command.folder,
                            context_.launched.environment};
  build.environment.insert(build.environment.end(), command.environment.begin(),
                           command.environment.end());
  runner_ = std::make_unique<build::Runner>(context_.io);
  runner_->start(
      build,
      [this](std::string_view line) {
        if (attempt_ && attempt_->on_line) attempt_->on_line(line);
      },
      [this](build::Finished finished) {
        if (attempt_) attempt_->build_output = std::move(finished.tail);
        feed(event::Built{std::move(finished.error)});
      });
}

// The first generation may run from the very file that the build writes.
void CoordinatorDriver::free_artifact_file() {
  const auto file = context_.options.artifact / context_.options.executable;
  const auto program =
      context_.options.executable.empty() ? context_.options.artifact : file;
  if (!context_.running_image ||
      !os::is_same_file(program, context_.running_image.get())) {
    return;
  }
  auto moved = os::move_running_file_aside(program);
  if (!moved) {
    context_.log(LogLevel::warning, moved.error().text());
    return;
  }
  os::remove_if_possible(*moved);  // Windows: once this process has ended
}

void CoordinatorDriver::run(const action::CancelBuild&) { runner_->cancel(); }

// stage ----------------------------------------------------------------------

void CoordinatorDriver::run(const action::Stage&) {
  if (stage_thread_.joinable()) stage_thread_.join();
  stage_cancelled_ = false;
  stage_thread_ =
      std::thread{[this, number = ++stagings_, artifact = context_.artifact(),
                   running = context_.release, force = attempt_->request.force,
                   mailbox = context_.mailbox] {
        os::keep_signals_from_this_thread();
        auto result =
            std::make_shared<StageResult>(stage(artifact, running, force));
        mailbox->post([this, number, result] {
          if (number != stagings_ || !attempt_) return;  // given up meanwhile
          attempt_->release = std::move(result->release);
          feed(std::move(result->event));
        });
      }};
}

// On a thread of its own: it reads and writes whole programs.
CoordinatorDriver::StageResult CoordinatorDriver::stage(
    const release::Artifact& artifact, std::string running, bool force) {
  auto release = context_.store->stage(artifact, stage_cancelled_);
  if (!release) return {{}, {false, release.error()}};
  if (force) return {*release, {}};
  if (running.empty() && artifact.executable.empty() &&
      context_.running_image) {
    auto hash =
        release::hash_open_file(context_.running_image.get(),
                                text::utf8(artifact.path.filename()), true);
    if (hash) running = *hash;
  }
  if (release->id == running) return {*release, {true, {}}};
  if (auto reason = context_.store->held(release->id)) {
    return {*release,
            {false, Error{errc::release_held, text::cat("release ", release->id,
                                                        " (", *reason, ")")}}};
  }
  return {*release, {}};
}

void CoordinatorDriver::run(const action::CancelStage&) {
  stage_cancelled_ = true;
}

// launch ---------------------------------------------------------------------

void CoordinatorDriver::run(const action::Launch&) {
  auto launched = launch();
  if (launched) return feed(event::Launched{});
  feed(event::Launched{launched.error()});
}

Result<void> CoordinatorDriver::launch() {
  auto pair = os::make_channel_pair();
  if (!pair) return pair.error();
  if (auto started = start_successor(std::move(*pair)); !started) {
    return started;
  }
  auto watched = attempt_->end.watch(attempt_->process, [this] {
    feed(event::SuccessorGone{attempt_->process.exit_status().text()});
  });
  if (!watched) {
    if (auto killed = attempt_->process.kill(); !killed) {
      context_.log(LogLevel::error, killed.error().text());
    }
    attempt_->process = {};
    return watched;
  }
  attempt_->channel->set_receiver(attempt_->process);
  attempt_->channel->start(
      [this](os::Received received) { on_message(std::move(received)); },
      [this](Error error) {
        feed(event::ChannelLost{std::move(error)});
        if (attempt_) attempt_->end.channel_ended();
      });
  context_.log(LogLevel::info,
               "successor started: pid=", attempt_->process.id(),
               " release=", attempt_->release.id);
  return {};
}

Result<void> CoordinatorDriver::start_successor(os::ChannelPair channel) {
  LaunchPlan plan = context_.launched;
  if (context_.options.on_launch) context_.options.on_launch(plan);
  os::LaunchRequest request;
  request.executable = attempt_->release.executable;
  request.arguments = std::move(plan.arguments);
  request.folder = std::move(plan.folder);
  request.environment = std::move(plan.environment);
  request.environment.push_back(
      text::cat(kIncumbentVariable, '=', os::own_process_id()));
  request.handles = {{std::string{kChannelVariable}, channel.theirs.get()}};
  auto process = os::launch(request);
  if (!process) return process.error();
  attempt_->process = std::move(*process);
  attempt_->channel =
      std::make_unique<os::Channel>(context_.io, std::move(channel.ours));
  return {};
}

// prepare --------------------------------------------------------------------

void CoordinatorDriver::run(const action::Welcome&) {
  auto own = os::own_process_handle();
  if (!own) return feed(event::SuccessorFailed{own.error()});
  attempt_->own_process = std::move(*own);
  send(protocol::Welcome{protocol::kMaxVersion, context_.generation,
                         os::own_process_id(), context_.generation + 1,
                         attempt_->release.id},
       {os::SendHandle{attempt_->own_process.get()}});
  const auto entries = self_.listeners().entries();
  attempt_->batches.assign(1, {});
  for (const auto& entry : entries) {
    if (attempt_->batches.back().size() == kBatch) {
      attempt_->batches.emplace_back();
    }
    attempt_->batches.back().push_back(entry);
  }
  send_batch(0);
}

void CoordinatorDriver::send_batch(std::uint32_t batch) {
  protocol::Listeners listeners;
  listeners.batch = batch;
  listeners.last = batch + 1 == attempt_->batches.size();
  std::vector<os::Outgoing> handles;
  for (const auto& entry : attempt_->batches[batch]) {
    listeners.items.push_back(entry.item);
    handles.emplace_back(os::SendSocket{entry.socket});
  }
  send(listeners, std::move(handles));
}

void CoordinatorDriver::send(const protocol::Message& message,
                             std::vector<os::Outgoing> handles) {
  attempt_->channel->send(
      protocol::to_frame(message), std::move(handles),
      [this, type = protocol::type_of(message)](std::optional<Error> error) {
        // A lost channel is reported by itself; this is a handle that cannot
        // be given away.
        if (!error || error->code() == make_error_code(errc::channel_lost)) {
          return;
        }
        feed(event::SuccessorFailed{
            Error{error->code(), text::cat("cannot send ", type)}});
      });
}

void CoordinatorDriver::on_message(os::Received received) {
  auto message = protocol::from_frame(received.frame);
  if (!message) return feed(event::SuccessorFailed{message.error()});
  on(*message);
}

void CoordinatorDriver::on(const protocol::Message& message) {
  using namespace protocol;
  if (const auto* hello = std::get_if<Hello>(&message)) return on_hello(*hello);
  if (const auto* adopted = std::get_if<Adopted>(&message)) {
    if (machine_.step() != Coordinator::Step::adopting) return;
    const std::size_t next = std::size_t{adopted->batch} + 1;
    if (next < attempt_->batches.size()) {
      return send_batch(static_cast<std::uint32_t>(next));
    }
    attempt_->adopted = steady_clock::now();
    return feed(event::Adopted{});
  }
  if (const auto* failed = std::get_if<Failed>(&message)) {
    return feed(event::SuccessorFailed{
        Error{errc::handover_refused, text::printable(failed->reason)}});
  }
  if (const auto* ready = std::get_if<Ready>(&message)) {
    attempt_->unclaimed = {ready->unclaimed.begin(), ready->unclaimed.end()};
    for (const auto& name : ready->unclaimed) {
      context_.log(LogLevel::info, "the successor does not want listener '",
                   text::printable(name), "', it is closed after the commit");
    }
    return feed(event::SuccessorReady{});
  }
  if (const auto* extend = std::get_if<ExtendReady>(&message)) {
    const auto cap = attempt_->adopted + context_.options.deadlines.ready_cap;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        cap - steady_clock::now());
    const std::chrono::milliseconds more{extend->milliseconds};
    if (left.count() > 0) feed(event::ReadyExtended{std::min(more, left)});
    return;
  }
  if (const auto* health = std::get_if<Health>(&message)) {
    if (health->question != attempt_->question) return;  // an older question
    return feed(event::HealthAnswered{health->healthy});
  }
  if (std::get_if<Serving>(&message)) return feed(event::SuccessorServing{});
  if (std::get_if<Turn>(&message)) return feed(event::TurnReturned{});
  if (std::get_if<StopRequested>(&message)) return stop();
  if (std::get_if<EndProbation>(&message)) {
    return feed(event::ProbationEnded{});
  }
  if (std::get_if<Leave>(&message)) {
    return context_.log(LogLevel::warning,
                        "asked to leave: the drain deadline has passed");
  }
  feed(event::SuccessorFailed{
      Error{errc::unexpected_message,
            text::cat("the successor sent ", type_of(message))}});
}

void CoordinatorDriver::on_hello(const protocol::Hello& hello) {
  if (hello.pid != attempt_->process.id()) {
    return feed(event::SuccessorFailed{
        Error{errc::handover_refused,
              text::cat("process ", attempt_->process.id(),
                        " was started, but process ", hello.pid,
                        " says hello: start the program itself, no wrapper")}});
  }
  auto version = protocol::choose_version(hello.min_version, hello.max_version);
  if (!version) return feed(event::SuccessorFailed{version.error()});
  feed(event::HelloReceived{});
}

void CoordinatorDriver::run(const action::AskHealth&) {
  send(protocol::AskHealth{++attempt_->question});
}

// switch, probation and back -------------------------------------------------

void CoordinatorDriver::run(const action::PauseAccepting&) {
  // What the successor does not want goes on here until the commit.
  self_.yield(attempt_->unclaimed, [this] { feed(event::Paused{}); });
}

void CoordinatorDriver::run(const action::GiveTurn&) { send(protocol::Turn{}); }

void CoordinatorDriver::run(const action::ResumeAccepting&) {
  self_.accept({});
}

void CoordinatorDriver::run(const action::TakeTurnBack&) {
  send(protocol::GiveBack{in_ms(context_.options.deadlines.drain)});
}

void CoordinatorDriver::run(const action::KillSuccessor&) {
  if (auto killed = attempt_->process.kill(); !killed) {
    context_.log(LogLevel::error, killed.error().text());
  }
}

void CoordinatorDriver::run(const action::WatchSuccessorLeave&) {
  const Deadlines& deadlines = context_.options.deadlines;
  attempt_->end.stop_watching();
  departures_.watch(
      {std::move(attempt_->process),
       text::cat("generation ", context_.generation + 1, ", taken back,"),
       std::move(attempt_->channel),
       deadlines.drain,
       deadlines.grace,
       {}});
}

// commit and the end ---------------------------------------------------------

void CoordinatorDriver::run(const action::Record&) {
  auto recorded = context_.store->set_current(
      {attempt_->release.id, context_.generation + 1, attempt_->process.id()});
  feed(event::Recorded{recorded ? std::optional<Error>{} : recorded.error()});
}

void CoordinatorDriver::run(const action::RestoreRecord&) {
  auto restored = context_.store->set_current(
      {context_.release, context_.generation, os::own_process_id()});
  if (!restored) context_.log(LogLevel::error, restored.error().text());
}

void CoordinatorDriver::run(const action::Commit&) {
  const Deadlines& deadlines = context_.options.deadlines;
  send(protocol::Commit{in_ms(deadlines.drain), in_ms(deadlines.grace)});
  // Whoever asked is answered before the drain, and is part of it.
  Outcome done = outcome(Outcome::Result::done);
  done.serving_generation = context_.generation + 1;
  done.serving_pid = attempt_->process.id();
  done.phase = Phase::commit;
  context_.log(LogLevel::info,
               "upgrade committed: generation=", done.serving_generation,
               " pid=", done.serving_pid, " release=", done.release);
  if (attempt_->on_end) attempt_->on_end(done);
  // Its end is no business of this generation any more; the channel stays
  // open, for the successor may ask this process to leave.
  attempt_->end.stop_watching();
  self_.leave(deadlines.drain);
}

void CoordinatorDriver::run(const action::Finish& finish) {
  end_attempt(outcome(finish.result));
}

Outcome CoordinatorDriver::outcome(Outcome::Result result) const {
  Outcome outcome;
  outcome.result = result;
  outcome.serving_generation = context_.generation;
  outcome.serving_pid = os::own_process_id();
  if (!attempt_ || result == Outcome::Result::refused) return outcome;
  outcome.release = attempt_->release.id;
  outcome.build_output = attempt_->build_output;
  outcome.phases = attempt_->phases;
  if (const auto& failure = machine_.failure()) {
    outcome.phase = failure->phase;
    outcome.code = failure->error.code();
    outcome.reason = failure->error.text();
  }
  return outcome;
}

void CoordinatorDriver::end_attempt(const Outcome& outcome) {
  const auto& failure = machine_.failure();
  if (failure && failure->blames_release && !outcome.release.empty()) {
    auto held = context_.store->hold(outcome.release, outcome.reason);
    if (!held) context_.log(LogLevel::warning, held.error().text());
  }
  context_.log(outcome.ok() ? LogLevel::info : LogLevel::warning,
               "upgrade ended, still serving: outcome=\"",
               to_string(outcome.result), "\" phase=", to_string(outcome.phase),
               " reason=\"", text::printable(outcome.reason), '"');
  context_.board.change([&](Status& status) {
    status.phase = Phase::idle;
    status.last_outcome =
        text::cat(to_string(outcome.result), outcome.reason.empty() ? "" : ": ",
                  outcome.reason);
  });
  // Its watch or its channel may be what is calling right now.
  std::shared_ptr<Attempt> ended = std::move(attempt_);
  boost::asio::post(context_.io, [ended] {});
  if (ended->on_end) ended->on_end(outcome);
}

void CoordinatorDriver::run(const action::Leave&) {
  context_.log(LogLevel::info, "stop requested, draining");
  context_.board.change([](Status& status) { status.phase = Phase::drain; });
  self_.leave(context_.options.deadlines.drain);
}

// deadlines ------------------------------------------------------------------

void CoordinatorDriver::run(const action::Arm& arm) {
  const auto after = arm.instead.count() > 0 ? arm.instead : length(arm.wait);
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
    case Wait::kill:
      return std::chrono::seconds{5};
  }
  return std::chrono::seconds{5};
}

}  // namespace relaunch::upgrade
