#include "common/supervisor/instance.hpp"

#include <boost/asio/post.hpp>
#include <utility>

#include "common/base/text.hpp"
#include "common/control/status.hpp"
#include "common/os/become.hpp"
#include "common/supervisor/notify_socket.hpp"
#include "common/supervisor/version.hpp"

namespace relaunch::supervisor {

namespace json = boost::json;

Instance::Instance(const Options& options, LogSink log)
    : log_(log),
      supervisor_(std::make_unique<Supervisor>(options, std::move(log))),
      answered_(supervisor_->io()) {
  counted_ =
      supervisor_->events().subscribe([this](const observe::Event& event) {
        metrics_.add(event);
        if (service_ && event.name == observe::name::kGenerationCommitted) {
          service_->say_serving();
        }
      });
}

Instance::~Instance() = default;

Result<std::unique_ptr<Instance>> Instance::open(
    Options options, LogSink log, std::vector<os::PassedSocket> passed) {
  std::unique_ptr<Instance> instance{new Instance{options, std::move(log)}};
  instance->stored_ = ManagerReport::stored_of(passed);
  instance->supervisor_->inherit(std::move(passed));
  if (auto begun = instance->begin(options.run_folder); !begun) {
    return begun.error();
  }
  return instance;
}

// The endpoint first: its lock says that there is no other instance.
Result<void> Instance::begin(const std::filesystem::path& run_folder) {
  auto server =
      control::Server::open(supervisor_->io(), run_folder, *this, log_);
  if (!server) return server.error();
  server_ = std::move(*server);
  NotifySocket::remove_stale(run_folder);
  server_->on_rejoin([this](std::unique_ptr<os::Channel> channel, os::Peer peer,
                            os::Received first) {
    supervisor_->rejoin(std::move(channel), peer, std::move(first));
  });
  auto signals = os::OperatorSignals::watch(
      supervisor_->io(),
      [this](os::OperatorSignal signal) { on_signal(signal); });
  if (!signals) return signals.error();
  signals_.emplace(std::move(*signals));
  auto link = ServiceLink::find(
      supervisor_->io(),
      {[this](os::ServiceOrder order) { on_service_order(order); },
       // Whoever the service manager starts next wants the ports.
       [this] { stop(StopMode::drain); }});
  if (!link) return link.error();
  service_ = std::move(*link);
  if (auto manager = os::ServiceManager::find()) {
    report_.emplace(std::move(*manager), *supervisor_, log_,
                    std::move(stored_));
  }
  return supervisor_->prepare(server_->address());
}

void Instance::on_signal(os::OperatorSignal signal) {
  using os::OperatorSignal;
  switch (signal) {
    case OperatorSignal::stop:
      return stop(StopMode::drain);
    case OperatorSignal::stop_without_deadline:
      return stop(StopMode::drain_without_deadline);
    case OperatorSignal::interrupt:
      return stop(std::exchange(interrupted_, true) ? StopMode::now
                                                    : StopMode::drain);
    case OperatorSignal::upgrade:
      return upgrade({}, {}, [](const Outcome&) {});
    case OperatorSignal::reload:
      reload([](const Outcome&) {});
      return;
    case OperatorSignal::reopen_logs:
      if (reopen_logs_) reopen_logs_();
      return;
  }
}

void Instance::on_service_order(os::ServiceOrder order) {
  switch (order) {
    case os::ServiceOrder::stop:
      return stop(StopMode::drain);
    case os::ServiceOrder::reload:
      reload([](const Outcome&) {});
      return;
    case os::ServiceOrder::upgrade:
      return upgrade({}, {}, [](const Outcome&) {});
  }
}

void Instance::upgrade(control::UpgradeOrder order, OnLine on_line,
                       OnEnd on_end) {
  if (!order.release.empty()) {
    return supervisor_->rollback(order.request, order.release,
                                 std::move(on_line), std::move(on_end));
  }
  auto wanted = upgrade::Order::asked_for(order.request);
  if (!order.artifact.empty()) {
    wanted.artifact = release::Artifact{order.artifact, options().executable};
  }
  if (order.arguments) {
    const auto& program = options().program;
    wanted.arguments.emplace(program.begin(), program.begin() + 1);
    wanted.arguments->insert(wanted.arguments->end(), order.arguments->begin(),
                             order.arguments->end());
  }
  supervisor_->upgrade(std::move(wanted), std::move(on_line),
                       std::move(on_end));
}

bool Instance::abort() { return supervisor_->abort(); }

void Instance::stop(control::StopMode mode) { supervisor_->stop(mode); }

// Its own log file, the configuration of the supervisor, and that of the
// program, which reads it in a new generation.
void Instance::reload(OnEnd on_end) {
  if (reopen_logs_) reopen_logs_();
  if (report_) report_->reloading();
  supervisor_->reload(read_options_ ? read_options_() : options(),
                      [this, on_end = std::move(on_end)](const Outcome& ended) {
                        if (report_) report_->reloaded();
                        on_end(ended);
                      });
}

std::optional<PassedOn> Instance::run() {
  supervisor_->run();
  if (!lets_go_) return std::nullopt;
  return PassedOn{supervisor_->pass_on(), std::exchange(links_, {})};
}

void Instance::replace_supervisor(
    std::function<void(const Result<void>&)> done) {
  auto can = supervisor_->can_let_go();
  if (can && takeover_) {
    can = Error{errc::busy, "cannot replace the supervisor: it is under way"};
  }
  // A host follows to another process only.
  const bool cannot_follow = service_ && os::become_stays_this_process();
  if (can && (!replacement_ || cannot_follow)) {
    can = Error{errc::not_permitted,
                "cannot replace the supervisor: who started it counts on this "
                "very process"};
  }
  if (!can) return done(can);
  replacement_->failed.clear();
  takeover_ = std::make_unique<Takeover>(
      supervisor_->io(), *replacement_, supervisor_->listeners().entries(),
      [this, done = std::move(done)](Result<void> result) {
        if (!result || !service_) return checked(std::move(result), done);
        service_->ask_for_links([this, done](Result<ServiceLink::Links> links) {
          if (!links) return checked(links.error(), done);
          links_ = std::move(*links);
          checked({}, done);
        });
      });
}

void Instance::checked(Result<void> result,
                       const std::function<void(const Result<void>&)>& done) {
  if (result) result = supervisor_->can_let_go();
  if (result) let_go_soon();
  done(result);
  if (result) return;
  links_.reset();
  // It may be what is calling.
  boost::asio::post(supervisor_->io(),
                    [gone = std::shared_ptr{std::move(takeover_)}] {});
}

// The answer is to reach whoever asked; what has begun meanwhile goes first.
void Instance::let_go_soon() {
  answered_.arm(replacement_->let_go_after, [this] {
    takeover_.reset();
    if (auto can = supervisor_->can_let_go(); !can) {
      links_.reset();
      replacement_->failed = can.error().text();
      if (log_) log_(LogLevel::error, replacement_->failed);
      return;
    }
    os::hold_operator_signals();
    supervisor_->let_go();
    lets_go_ = true;
  });
}

json::object Instance::status() const {
  json::object out =
      control::to_json(supervisor_->status(),
                       {options().name, "supervisor", supervisor_->uptime(),
                        supervisor_->listeners(), supervisor_->departures()});
  out["supervisor_pid"] = os::own_process_id();
  out["pauses"] = supervisor_->pauses();
  out["crash_loop"] = supervisor_->in_crash_loop();
  if (replacement_ && !replacement_->failed.empty()) {
    out["replacement_failed"] = text::valid_utf8(replacement_->failed);
  }
  return out;
}

json::array Instance::history() const {
  return supervisor_->history().to_json();
}

std::string Instance::metrics() const {
  auto snapshot = supervisor_->snapshot();
  snapshot.version = kVersion;
  return metrics_.text(snapshot);
}

observe::EventLog& Instance::events() { return supervisor_->events(); }

}  // namespace relaunch::supervisor
