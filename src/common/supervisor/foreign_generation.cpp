#include "common/supervisor/foreign_generation.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <exception>
#include <string_view>
#include <utility>

#include "common/base/text.hpp"
#include "common/os/socket_sharing.hpp"
#include "common/os/system.hpp"
#include "common/supervisor/manager_report.hpp"

namespace relaunch::supervisor {

namespace event = upgrade::event;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

/// Between two questions whether it is ready: soon at first, since most
/// programs are ready soon.
constexpr milliseconds kRetry{50};

}  // namespace

ForeignGeneration::ForeignGeneration(upgrade::Context& context,
                                     const handover::ListenerSet& listeners,
                                     const Options& options, Tell tell)
    : context_(context),
      listeners_(listeners),
      options_(options),
      tell_(std::move(tell)),
      care_(context, listeners),
      ready_probe_(context.io),
      health_probe_(context.io),
      retry_(context.io),
      watchdog_(context.io),
      grace_(context.io),
      look_(context.io),
      watchdog_length_(options.foreign.watchdog) {}

// start ----------------------------------------------------------------------

Result<void> ForeignGeneration::launch(const release::Release& release,
                                       LaunchPlan plan) {
  plan_ = std::move(plan);
  number_ = context_.generation + 1;
  std::erase_if(plan_.environment, speaks_of_supervisor);
  if (auto prepared = prepare(); !prepared) return prepared;
  try {
    if (context_.options.on_launch) context_.options.on_launch(plan_);
  } catch (const std::exception& failure) {
    return Error{
        std::make_error_code(std::errc::operation_canceled),
        text::cat("on_launch threw: ", text::printable(failure.what()))};
  }
  if (auto started = start_process(release); !started) return started;
  // Where the program has it now, it is to end with the program.
  if (!service_) private_port_.listener.reset();
  if (auto watched = watch_end(); !watched) {
    kill_now();
    return watched;
  }
  start_listening_to_it();
  context_.log_transition(LogLevel::info,
                          "successor started: pid=", process_->id(),
                          " release=", release.id);
  tell_later(event::HelloReceived{});
  return {};
}

Result<void> ForeignGeneration::prepare() {
  auto port = open_private_port(options_.foreign);
  if (!port) return port.error();
  private_port_ = std::move(*port);
  if (private_port_.port != 0) {
    plan_.environment.push_back(private_port_.assignment());
  }
  const bool listens_to_it = options_.foreign.readiness == Readiness::notify ||
                             watchdog_length_.count() != 0;
  if (!listens_to_it) return {};
  auto opened = NotifySocket::open(context_.io, options_.run_folder);
  if (!opened) return opened.error();
  notify_ = std::move(*opened);
  plan_.environment.push_back(text::cat("NOTIFY_SOCKET=", notify_->address()));
  if (watchdog_length_.count() != 0) {
    plan_.environment.push_back(
        text::cat("WATCHDOG_USEC=", watchdog_length_.count() * 1000));
  }
  return {};
}

Result<void> ForeignGeneration::give_listeners(os::LaunchRequest& request) {
  for (const auto& entry : listeners_.entries()) {
    const bool wanted = std::any_of(
        options_.listeners.begin(), options_.listeners.end(),
        [&](const auto& option) { return option.name == entry.item.name; });
    if (!wanted) {
      unclaimed_.insert(entry.item.name);
      continue;
    }
    care_.note(entry);
    request.listeners.push_back({entry.item.name, entry.socket});
  }
  if (private_port_.listener) {
    request.listeners.push_back(
        {std::string{kProbeListener}, private_port_.listener.get()});
  }
  if (!os::can_share_sockets()) return {};
  // Here it is the program that asks for them.
  std::vector<native_socket> sockets;
  for (const auto& listener : std::exchange(request.listeners, {})) {
    sockets.push_back(listener.socket);
  }
  if (sockets.empty()) return {};
  auto service = ListenerService::open(context_.io, std::move(sockets));
  if (!service) return service.error();
  for (auto& variable : service->environment()) {
    request.environment.push_back(std::move(variable));
  }
  service_ = std::move(*service);
  return {};
}

Result<void> ForeignGeneration::start_process(const release::Release& release) {
  os::LaunchRequest request;
  request.executable = release.executable;
  request.arguments = plan_.arguments;
  request.folder = plan_.folder;
  request.environment = plan_.environment;
  if (os::can_send_console_events()) {
    request.console =
        console_for(console_event_for(options_.foreign.stop_signal));
  }
  if (auto given = give_listeners(request); !given) return given;
  auto process = context_.start(request);
  if (!process) return process.error();
  process_ = std::make_shared<os::Process>(std::move(*process));
  return {};
}

void ForeignGeneration::start_listening_to_it() {
  if (notify_) {
    notify_->start(
        process_->id(),
        [this](const NotifyMessage& notice) { on_notice(notice); },
        [this](const std::string& why) {
          context_.log(LogLevel::warning, "not heard on the notify socket of ",
                       process_->id(), ": ", why);
        });
  }
  if (!service_) return;
  service_->serve(process_, [this](bool answered, const std::string& line) {
    context_.log(answered ? LogLevel::debug : LogLevel::warning, line);
  });
}

Result<void> ForeignGeneration::watch_end() {
  auto watch =
      os::ProcessWatch::start(context_.io, *process_, [this] { gone(); });
  if (!watch) return watch.error();
  watch_ = std::make_unique<os::ProcessWatch>(std::move(*watch));
  return {};
}

// ready ----------------------------------------------------------------------

// It has them since its start.
void ForeignGeneration::welcome() {
  welcomed_ = steady_clock::now();
  tell_later(event::Adopted{});
  boost::asio::post(context_.io, [this, alive = std::weak_ptr(alive_)] {
    if (alive.lock()) await_ready();
  });
}

void ForeignGeneration::await_ready() {
  awaited_ = true;
  switch (options_.foreign.readiness) {
    case Readiness::notify:
      if (said_ready_) ready();
      return;
    case Readiness::http:
    case Readiness::tcp:
    case Readiness::command:
      return probe_ready();
    case Readiness::embedded:  // not served by this class
    case Readiness::none:
      return ready();
  }
}

// Until it answers, it ends, or the coordinator's patience does.
void ForeignGeneration::probe_ready() {
  if (is_ready_ || asked_to_stop_) return;
  ready_probe_.ask(
      question_for(options_.foreign.readiness,
                   options_.foreign.readiness_target, private_port_, plan_,
                   context_.options.deadlines.health),
      [this](const Result<void>& answer) {
        if (answer) return ready();
        if (last_probe_ != answer.error().text()) {
          last_probe_ = answer.error().text();
          context_.log(LogLevel::debug, "not ready yet: ", last_probe_);
        }
        retry_.arm(kRetry, [this] { probe_ready(); });
      });
}

void ForeignGeneration::ready() {
  if (std::exchange(is_ready_, true)) return;
  fed();
  tell(event::SuccessorReady{});
}

void ForeignGeneration::ask_health() {
  const auto kind = options_.foreign.health;
  if (!is_probe(kind)) return tell_later(event::HealthAnswered{true});
  health_probe_.ask(
      question_for(kind, options_.foreign.health_target, private_port_, plan_,
                   context_.options.deadlines.health),
      [this](const Result<void>& answer) {
        log_failure(answer);
        tell(event::HealthAnswered{answer.has_value()});
      });
}

// the turn -------------------------------------------------------------------

void ForeignGeneration::give_turn() { tell_later(event::SuccessorServing{}); }

// The incumbent has accepted all the time, so it need not wait for the end.
void ForeignGeneration::take_turn_back(milliseconds) {
  ask_to_stop();
  tell_later(event::TurnReturned{});
}

void ForeignGeneration::commit(milliseconds, milliseconds) {
  tell_later(event::CommitAcknowledged{});
}

// As an answer over a channel would come: after what asks for it.
void ForeignGeneration::tell_later(upgrade::CoordinatorEvent event) {
  boost::asio::post(context_.io, [this, alive = std::weak_ptr(alive_),
                                  event = std::move(event)]() mutable {
    if (alive.lock()) tell(std::move(event));
  });
}

void ForeignGeneration::tell(upgrade::CoordinatorEvent event) {
  if (!muted_ && !reports_) tell_(std::move(event));
}

void ForeignGeneration::log_failure(const Result<void>& result) const {
  if (!result) context_.log(LogLevel::warning, result.error().text());
}

// what it says ---------------------------------------------------------------

void ForeignGeneration::on_notice(const NotifyMessage& notice) {
  if (notice.status && *notice.status != last_status_) {
    last_status_ = *notice.status;
    context_.log_transition(LogLevel::info,
                            "generation says: pid=", process_->id(),
                            " status=\"", last_status_, '"');
    observe::Event said;
    said.name = observe::name::kGenerationStatus;
    said.generation = number_;
    said.pid = process_->id();
    said.message = last_status_;
    context_.events.add(std::move(said));
  }
  if (notice.error) last_error_ = notice.error;
  if (notice.main_pid && *notice.main_pid != process_->id()) {
    context_.log(LogLevel::warning, "MAINPID=", *notice.main_pid,
                 " is not heeded: the main process is the one that was "
                 "started, pid=",
                 process_->id());
  }
  if (notice.watchdog && options_.foreign.watchdog.count() != 0) {
    watchdog_length_ = *notice.watchdog;
  }
  if (notice.stopping) {
    context_.log(LogLevel::info,
                 "generation is stopping: pid=", process_->id());
    watchdog_.disarm();
  }
  if (notice.extend) on_extend(*notice.extend);
  if (notice.ready && options_.foreign.readiness == Readiness::notify) {
    said_ready_ = true;
    if (awaited_) ready();
  }
  if (notice.alive && is_ready_ && !notice.stopping) fed();
  if (notice.sick) starved("WATCHDOG=trigger");
}

void ForeignGeneration::on_extend(milliseconds more) {
  const auto left = std::chrono::duration_cast<milliseconds>(
      welcomed_ + context_.options.deadlines.ready_cap - steady_clock::now());
  if (!awaited_ || is_ready_ || left.count() <= 0) return;
  tell(event::ReadyExtended{std::min(more, left)});
}

void ForeignGeneration::fed() {
  if (watchdog_length_.count() == 0 || asked_to_stop_) return;
  watchdog_.arm(watchdog_length_, [this] {
    starved(text::cat("no WATCHDOG=1 in ", watchdog_length_.count(), " ms"));
  });
}

void ForeignGeneration::starved(const std::string& why) {
  watchdog_.disarm();
  if (asked_to_stop_ || muted_) return;
  Error error{errc::unhealthy, why};
  if (!reports_) {
    return tell(event::SuccessorFailed{std::move(error), true});
  }
  reports_->lost(std::move(error));
}

}  // namespace relaunch::supervisor
