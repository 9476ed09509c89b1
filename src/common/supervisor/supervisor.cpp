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
    if (auto opened = open_listeners(); !opened) {
      // What was passed is kept for the next start, by whoever passed it.
      listeners_.remove_files(
          [](const auto& listener) { return !listener.inherited; });
      return opened;
    }
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
  // Unless it lets go: then another one goes on with them.
  if (stopping_) listeners_.remove_files([](const auto&) { return true; });
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
      return Error{errc::artifact_missing,
                   text::cat(options_.artifact, " does not exist")};
    }
    order.request.skip_build = false;
    return order;
  }
  auto program = build::locate(
      {options_.program, options_.folder, context_.launched.environment},
      context_.launched.environment);
  if (!program) {
    return Error{errc::artifact_missing, program.error().text()};
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
  context_.board.change([&](Status& board) {
    board.last_departure = text::cat("generation ", board.generation, " (pid ",
                                     board.pid, ") ended: ", status);
    board.pid = 0;
  });
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
  if (driver_->idle() && !incumbent_) regain_listeners();
  // A program without an artifact is started anew as it is.
  if (options_.artifact.empty() && !order.artifact && !order.release) {
    auto program = last_good();
    if (!program) {
      return driver_->refuse(on_end, errc::artifact_missing,
                             program.error().text());
    }
    order.release = std::move(program->release);
  }
  driver_->request(std::move(order), std::move(on_line),
                   [this, on_end = std::move(on_end)](const Outcome& outcome) {
                     if (outcome.result == Outcome::Result::done) {
                       policy_.forgive();
                     }
                     on_end(outcome);
                   });
}

void Supervisor::rollback(UpgradeRequest request, const std::string& release,
                          OnLine on_line, OnEnd on_end) {
  auto found = context_.store->kept(release);
  if (!found) {
    return driver_->refuse(on_end, errc::artifact_missing,
                           found.error().text());
  }
  auto order = upgrade::Order::asked_for(request);
  order.release = std::move(*found);
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

}  // namespace relaunch::supervisor
