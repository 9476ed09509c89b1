// What the coordinator asks of a Supervisor in an upgrade, and what becomes of
// the generations then.
#include <boost/asio/post.hpp>
#include <utility>

#include "common/handover/generation_link.hpp"
#include "common/os/channel.hpp"
#include "common/os/fault.hpp"
#include "common/supervisor/foreign_generation.hpp"
#include "common/supervisor/probed_generation.hpp"
#include "common/supervisor/supervisor.hpp"

namespace relaunch::supervisor {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

/// "As long as it takes" is a deadline too: nothing waits for ever.
constexpr milliseconds kWithoutDeadline = std::chrono::hours{24 * 365};

}  // namespace

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

Result<void> Supervisor::introduce(upgrade::Generation& successor) {
  if (!incumbent_) return {};
  auto link = os::make_channel_pair();
  if (!link) return link.error();
  incumbent_->introduce(std::move(link->ours), successor.process(), true);
  successor.introduce(std::move(link->theirs), incumbent_->process(), false);
  return {};
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
    const std::string address = opened.item.address;
    if (auto kept = listeners_.keep(std::move(opened)); !kept) {
      context_.log(LogLevel::error, "cannot keep listener '", name,
                   "': ", kept.error().text());
      continue;
    }
    tell_opened(name, address);
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
