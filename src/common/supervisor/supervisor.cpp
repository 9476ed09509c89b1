#include "common/supervisor/supervisor.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <random>
#include <utility>

#include "common/build/runner.hpp"
#include "common/handover/generation_link.hpp"
#include "common/os/fault.hpp"
#include "common/os/files.hpp"
#include "common/os/listener.hpp"
#include "common/os/system.hpp"
#include "common/supervisor/foreign_generation.hpp"
#include "common/supervisor/probed_generation.hpp"

namespace relaunch::supervisor {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

/// "As long as it takes" is a deadline too: nothing waits for ever.
constexpr milliseconds kWithoutDeadline = std::chrono::hours{24 * 365};
/// From the end of a process's link to its own.
constexpr milliseconds kEnding{20};

}  // namespace

// begin and end --------------------------------------------------------------

Supervisor::Supervisor(Options options, LogSink log)
    : work_(boost::asio::make_work_guard(context_.io)),
      listeners_([mailbox = context_.mailbox](std::function<void()> work) {
        mailbox->post(std::move(work));
      }),
      departures_(context_),
      policy_(options.restart),
      restart_timer_(context_.io),
      lost_timer_(context_.io),
      recovery_(context_, listeners_, departures_) {
  os::set_fault_role("supervisor");
  context_.supervises = true;
  context_.generation = 0;
  context_.options.log = std::move(log);
  configure(std::move(options));
  upgrade::Host& host = *this;
  driver_ = std::make_unique<upgrade::CoordinatorDriver>(
      context_, host, departures_, upgrade::Coordinator::AfterCommit::stays);
  // Also a successor that was taken back: the end waits for it.
  departures_.observe([this] { one_has_left(); });
  context_.board.observe([this](const Status& status) {
    if (incumbent_) incumbent_->report(status);
  });
}

Supervisor::~Supervisor() {
  noted_ = {};
  context_.board.observe({});
  driver_.reset();  // ends a successor that does not have the turn
}

Result<void> Supervisor::prepare(std::string control) {
  context_.control = std::move(control);
  if (auto sockets = os::start_sockets(); !sockets) return sockets.error();
  auto store = release::Store::open(options_.state_folder);
  if (!store) return store.error();
  context_.store.emplace(std::move(*store));
  auto history =
      observe::History::open(options_.state_folder / observe::kHistoryFile);
  if (!history) return history.error();
  context_.history = std::move(*history);
  if (const auto current = context_.store->current()) {
    context_.generation = current->generation;
    context_.release = current->release;
  }
  // One that cannot be started at all is told before anything is opened.
  if (auto order = last_good(); !order) return order.error();
  journal_ = Journal{options_.state_folder / "journal"};
  // What still runs has them open: it gives them back.
  if (Recovery::nobody_left(journal_.read())) {
    if (auto opened = open_listeners(); !opened) return opened;
  }
  context_.board.change([&](Status& status) {
    status.generation = context_.generation;
    status.release = context_.release;
  });
  return {};
}

void Supervisor::run() {
  tell({}, observe::name::kSupervisorStarted);
  noted_ = context_.events.subscribe(
      [this](const observe::Event& event) { note_generation(event); });
  boost::asio::post(context_.io, [this] { recover(); });
  context_.io.run();
  tell({}, observe::name::kSupervisorStopped);
}

void Supervisor::tell(observe::Event event, std::string_view name) {
  event.name = name;
  context_.events.add(std::move(event));
}

observe::Snapshot Supervisor::snapshot() const {
  observe::Snapshot snapshot;
  snapshot.name = options_.name;
  snapshot.start = began_;
  snapshot.generation = incumbent_ ? context_.generation : 0;
  snapshot.release = incumbent_ ? context_.release : std::string{};
  snapshot.draining = departures_.count();
  snapshot.listeners = listeners_.entries().size();
  snapshot.upgrading = !driver_->idle();
  return snapshot;
}

// start and restart ----------------------------------------------------------

// What was committed last; before that, what the artifact is now.
Result<upgrade::Order> Supervisor::last_good() const {
  upgrade::Order order;
  if (!options_.artifact.empty()) {
    order.request.skip_build = true;
    order.request.force = true;
    order.release = context_.store->find(context_.release);
    if (order.release) return order;
    std::error_code ignored;
    if (std::filesystem::exists(options_.artifact, ignored)) return order;
    if (options_.build.arguments.empty()) {
      return Error{errc::artifact_missing, text::utf8(options_.artifact)};
    }
    order.request.skip_build = false;
    return order;
  }
  auto program = build::locate(
      {options_.program, options_.folder, context_.launched.environment},
      context_.launched.environment);
  if (!program) return program.error();
  if (!os::is_executable(*program)) {
    return Error{errc::artifact_missing,
                 text::cat(text::utf8(*program), " is not executable")};
  }
  order.release = release::Release{{}, std::move(*program)};
  return order;
}

void Supervisor::start() {
  if (stopping_ || incumbent_ || !driver_->idle() || !regain_listeners())
    return;
  auto order = last_good();
  if (!order) return schedule_restart(order.error().text());
  order->start = true;
  driver_->request(std::move(*order), {}, [](const Outcome&) {});
}

void Supervisor::schedule_restart(const std::string& why) {
  const auto delay = policy_.ended(steady_clock::now(), std::random_device{}());
  observe::Event event;
  event.message = why;
  event.duration = delay;
  event.level = delay ? LogLevel::warning : LogLevel::error;
  tell(std::move(event),
       delay ? observe::name::kRestartScheduled : observe::name::kCrashLoop);
  if (!delay) {
    context_.log_transition(
        LogLevel::error,
        "crash loop, held until the operator acts: generation=",
        context_.generation, " reason=\"", text::printable(why), '"');
    return;
  }
  context_.log_transition(LogLevel::warning, "restart in ", delay->count(),
                          " ms: reason=\"", text::printable(why), '"');
  restart_timer_.arm(*delay, [this] { start(); });
}

void Supervisor::incumbent_ended(const std::string& status) {
  lost_timer_.disarm();
  context_.log_transition(LogLevel::warning, "generation ", context_.generation,
                          " (pid ", pid(), ") ended: ", status);
  observe::Event exited;
  exited.level = LogLevel::warning;
  exited.generation = context_.generation;
  exited.pid = pid();
  exited.outcome = std::exchange(killed_, false)
                       ? observe::exit_reason::kKilled
                       : observe::exit_reason::kCrashed;
  exited.message = status;
  exited.duration = std::chrono::duration_cast<milliseconds>(
      steady_clock::now() - committed_);
  tell(std::move(exited), observe::name::kGenerationExited);
  // It is what is calling.
  boost::asio::post(context_.io,
                    [gone = std::shared_ptr{std::move(incumbent_)}] {});
  context_.board.change([](Status& board) { board.pid = 0; });
  const bool was_idle = driver_->idle();
  driver_->incumbent_gone(status);
  if (was_idle && !stopping_) schedule_restart(status);
}

// It runs, but no turn can be asked of it: it leaves, and another is started.
void Supervisor::incumbent_lost(const Error& error) {
  if (!incumbent_) return;
  // The link ends with the process; then its end is told, a moment later.
  if (incumbent_->process()->gone(kEnding)) return;
  context_.log_transition(LogLevel::error, "generation ", context_.generation,
                          " cannot be reached, ending it: reason=\"",
                          error.text(), '"');
  observe::Event lost;
  lost.level = LogLevel::error;
  lost.generation = context_.generation;
  lost.pid = pid();
  lost.message = error.text();
  tell(std::move(lost), observe::name::kGenerationLost);
  if (!embedded()) return end_incumbent();  // it is asked first, in its way
  if (auto asked = incumbent_->process()->ask_to_stop(); !asked) {
    context_.log(LogLevel::debug, asked.error().text());
  }
  lost_timer_.arm(options_.deadlines.grace, [this] { end_incumbent(); });
}

// requests -------------------------------------------------------------------

void Supervisor::upgrade(upgrade::Order order, OnLine on_line, OnEnd on_end) {
  if (order.request.end_probation && driver_->phase() == Phase::probation &&
      !waiting_) {
    waiting_ = [this, order = std::move(order), on_line = std::move(on_line),
                on_end = std::move(on_end)] {
      upgrade(order, on_line, on_end);
    };
    return driver_->end_probation();
  }
  if (driver_->idle()) {
    policy_.forgive();
    if (!incumbent_) regain_listeners();
  }
  // A program without an artifact is started anew as it is.
  if (options_.artifact.empty() && !order.artifact && !order.release) {
    auto program = last_good();
    if (!program) {
      return driver_->refuse(on_end, errc::artifact_missing,
                             program.error().text());
    }
    order.release = std::move(program->release);
  }
  driver_->request(std::move(order), std::move(on_line), std::move(on_end));
}

void Supervisor::rollback(UpgradeRequest request, const std::string& release,
                          OnLine on_line, OnEnd on_end) {
  auto found = release == "previous" ? context_.store->previous()
                                     : context_.store->find(release);
  if (!found) {
    return driver_->refuse(
        on_end, errc::artifact_missing,
        release == "previous"
            ? std::string{"no release was committed before this one"}
            : text::cat("release ", text::printable(release), " is not kept"));
  }
  auto order = upgrade::Order::asked_for(request);
  order.request.force = true;
  order.release = std::move(found);
  upgrade(std::move(order), std::move(on_line), std::move(on_end));
}

void Supervisor::restart(OnEnd on_end) {
  auto order = last_good();
  if (!order) {
    return driver_->refuse(on_end, errc::artifact_missing,
                           order.error().text());
  }
  upgrade(std::move(*order), {}, std::move(on_end));
}

milliseconds Supervisor::uptime() const {
  return std::chrono::duration_cast<milliseconds>(steady_clock::now() - since_);
}

std::vector<ListenerOption> Supervisor::listeners() const {
  std::vector<ListenerOption> listeners;
  for (const auto& entry : listeners_.entries()) {
    const auto actual = os::local_address(entry.socket);
    listeners.push_back(
        {entry.item.name, actual ? actual->text() : entry.item.address});
  }
  return listeners;
}

std::vector<std::pair<std::uint32_t, os::ProcessId>> Supervisor::draining()
    const {
  std::vector<std::pair<std::uint32_t, os::ProcessId>> draining;
  for (const auto* leaver : departures_.leaving()) {
    draining.emplace_back(leaver->generation, leaver->process->id());
  }
  return draining;
}

void Supervisor::stop(StopMode mode) {
  stop_mode_ = mode;
  restart_timer_.disarm();
  if (std::exchange(stopping_, true)) {
    // Said again: what still drains is to hurry.
    if (mode == StopMode::now) departures_.hurry();
    return;
  }
  tell({}, observe::name::kSupervisorStopping);
  driver_->stop();
}

void Supervisor::run_waiting() {
  if (auto waiting = std::exchange(waiting_, {})) {
    boost::asio::post(context_.io, std::move(waiting));
  }
}

// Host -----------------------------------------------------------------------

std::optional<std::string> Supervisor::why_not() const {
  if (recovery_.under_way()) {
    return "the generations of the supervisor before are still awaited";
  }
  return without_listeners_;
}

os::ProcessId Supervisor::pid() const {
  return incumbent_ ? incumbent_->process()->id() : 0;
}

std::unique_ptr<upgrade::Generation> Supervisor::make_successor(
    upgrade::Generation::Tell tell) {
  if (options_.foreign.readiness != Readiness::embedded) {
    return std::make_unique<ForeignGeneration>(context_, listeners_, options_,
                                               std::move(tell));
  }
  const auto link = [this](upgrade::Generation::Tell to) {
    return std::make_unique<handover::GenerationLink>(
        context_, listeners_, departures_, std::move(to));
  };
  if (!is_probe(options_.foreign.health)) return link(std::move(tell));
  return std::make_unique<ProbedGeneration>(context_, options_, link,
                                            std::move(tell));
}

void Supervisor::pause(const upgrade::Generation& successor,
                       std::function<void()> done) {
  if (!incumbent_) return done();
  incumbent_->pause(successor, std::move(done));
}

void Supervisor::end_incumbent() {
  if (!incumbent_) return;
  killed_ = true;
  incumbent_->kill();
}

void Supervisor::resume() {
  if (incumbent_) incumbent_->resume();
}

void Supervisor::succeed(std::unique_ptr<upgrade::Generation> successor,
                         const release::Release& release) {
  lost_timer_.disarm();  // from here on its drain deadline holds
  auto old = std::move(incumbent_);
  const std::uint32_t old_number = context_.generation++;
  context_.release = release.id;
  serve(std::move(successor));
  if (old) {
    context_.board.change([](Status& status) { status.phase = Phase::drain; });
    watch_leave(std::move(old), old_number);
  }
  // Not before: neither of the two may be missing.
  write_journal();
  if (!release.id.empty()) {
    context_.store->prune(departures_.releases_to_keep(), {release.id});
    auto free = context_.store->release_hold(release.id);
    if (!free) context_.log(LogLevel::warning, free.error().text());
  }
  // Its process may have ended between its commit and this.
  run_waiting();
}

void Supervisor::serve(std::unique_ptr<upgrade::Generation> generation) {
  incumbent_ = std::move(generation);
  starting_ = {};
  committed_ = steady_clock::now();
  policy_.committed(committed_);
  keep_listeners(*incumbent_);
  incumbent_->serve({
      [this](const std::string& status) { incumbent_ended(status); },
      [this](const Error& error) { incumbent_lost(error); },
      [this](UpgradeRequest request, OnLine on_line, OnEnd on_end) {
        upgrade(upgrade::Order::asked_for(request), std::move(on_line),
                std::move(on_end));
      },
      [this] { abort(); },
      [this] { stop(StopMode::drain); },
  });
  context_.board.change([&](Status& status) {
    status.generation = context_.generation;
    status.pid = pid();
    status.release = context_.release;
    status.phase = Phase::idle;
  });
}

// What the generation before did not have, and what this one does not want.
void Supervisor::keep_listeners(upgrade::Generation& successor) {
  for (const auto& name : successor.unclaimed()) {
    if (!context_.fixed_listeners.contains(name)) {
      close_listener(name);
      continue;
    }
    context_.log(LogLevel::warning, "nobody accepts on listener '", name,
                 "': generation ", context_.generation, " does not take it");
  }
  for (auto& opened : successor.take_opened()) {
    const std::string name = opened.item.name;
    if (context_.fixed_listeners.contains(name) && holds(name)) {
      context_.log(LogLevel::warning, "listener '", name,
                   "' was opened anew at ", opened.item.address,
                   ": it is not handed over");
      continue;
    }
    if (auto kept = listeners_.keep(std::move(opened)); !kept) {
      context_.log(LogLevel::error, "cannot keep listener '", name,
                   "': ", kept.error().text());
      continue;
    }
    tell_listener(observe::name::kListenerOpened, name);
  }
}

void Supervisor::watch_leave(std::unique_ptr<upgrade::Generation> generation,
                             std::uint32_t number) {
  milliseconds drain = options_.deadlines.drain;
  if (stopping_ && stop_mode_ == StopMode::drain_without_deadline) {
    drain = kWithoutDeadline;
  }
  if (stopping_ && stop_mode_ == StopMode::now) drain = milliseconds{1};
  os::fault("drain");
  generation->drain(drain);
  auto leaver = upgrade::leaver_of(std::move(generation));
  leaver.generation = number;
  leaver.deadline = steady_clock::now() + drain;
  leaver.grace = options_.deadlines.grace;
  departures_.watch(std::move(leaver));
}

void Supervisor::one_has_left() {
  write_journal();
  if (stopping_ && !incumbent_ && driver_->left() && departures_.count() == 0) {
    context_.io.stop();
    return;
  }
  context_.board.change([](Status& status) {
    if (status.phase == Phase::drain) status.phase = Phase::idle;
  });
}

void Supervisor::leave() {
  stopping_ = true;
  lost_timer_.disarm();
  if (incumbent_) watch_leave(std::move(incumbent_), context_.generation);
  if (stop_mode_ == StopMode::now) departures_.hurry();
  boost::asio::post(context_.io, [this] { one_has_left(); });
}

void Supervisor::ended(const Outcome& outcome) {
  run_waiting();
  if (incumbent_ || stopping_) return;
  schedule_restart(outcome.reason);
}

}  // namespace relaunch::supervisor
