// GenerationLink as the incumbent of a supervisor: what it is told, what it
// asks for.
#include <algorithm>
#include <utility>

#include "common/handover/generation_link.hpp"
#include "common/os/system.hpp"
#include "common/protocol/outcome.hpp"

namespace relaunch::handover {

using std::chrono::milliseconds;

namespace {

std::uint32_t in_ms(milliseconds length) {
  return static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(length.count(), 0, UINT32_MAX));
}

}  // namespace

void GenerationLink::serve(upgrade::Reports reports) {
  reports_ = std::move(reports);
}

void GenerationLink::on_opened(const protocol::Opened& opened,
                               os::Received& received) {
  for (std::size_t i = 0; i < opened.items.size(); ++i) {
    auto* socket = i < received.handles.size()
                       ? std::get_if<os::Socket>(&received.handles[i])
                       : nullptr;
    if (!socket) {
      return fail(
          {errc::malformed_frame, "a listener came without its socket"});
    }
    opened_.push_back({opened.items[i], std::move(*socket)});
  }
  complete_if_all_came();
}

Result<void> GenerationLink::adopt(
    std::shared_ptr<os::Process> process, std::unique_ptr<os::Channel> channel,
    std::function<void(const protocol::Rejoin&)> complete) {
  process_ = std::move(process);
  channel_ = std::move(channel);
  on_complete_ = std::move(complete);
  if (auto watched = watch(); !watched) return watched;
  channel_->restart(
      [this](os::Received received) { on_message(std::move(received)); },
      [this](Error error) { channel_lost(std::move(error)); });
  return {};
}

void GenerationLink::on_rejoin(const protocol::Rejoin& rejoin) {
  auto own = os::own_process_handle();
  if (!own) return fail(own.error(), false);
  own_process_ = std::move(*own);
  release_ = rejoin.release;
  rejoin_ = rejoin;
  send(protocol::Rejoined{os::own_process_id()},
       {os::SendHandle{own_process_.get()}});
  complete_if_all_came();
}

void GenerationLink::complete_if_all_came() {
  if (!rejoin_ || opened_.size() < rejoin_->listeners) return;
  if (auto complete = std::exchange(on_complete_, {})) complete(*rejoin_);
}

std::vector<OpenedListener> GenerationLink::take_opened() {
  return std::exchange(opened_, {});
}

void GenerationLink::pause(const upgrade::Generation& successor,
                           std::function<void()> done) {
  on_paused_ = std::move(done);
  has_paused_ = false;
  if (process_->gone()) return paused();
  next_ = successor.process();
  const auto& except = successor.unclaimed();
  send(protocol::Pause{next_->id(), {except.begin(), except.end()}},
       {os::SendHandle{next_->handle()}});
}

void GenerationLink::paused() {
  has_paused_ = true;
  if (auto done = std::exchange(on_paused_, {})) done();
}

// One that has paused and has the turn back must say that it accepts: if it
// hangs, nobody else does.
void GenerationLink::resume() {
  on_paused_ = {};
  send(protocol::Turn{});
  if (!std::exchange(has_paused_, false)) return;
  resumed_.arm(context_.options.deadlines.turn, [this] {
    lost({errc::switch_timeout, "it does not accept again"});
  });
}

void GenerationLink::drain(milliseconds drain) {
  send(protocol::DrainNow{in_ms(drain)});
}

void GenerationLink::report(const Status& status) {
  send(protocol::Report{std::string{to_string(status.phase)},
                        protocol::to_items(status.phases), status.last_outcome,
                        status.last_departure});
}

bool GenerationLink::on_report(const protocol::Message& message) {
  using namespace protocol;
  if (std::get_if<Turn>(&message)) {
    paused();
  } else if (const auto* request = std::get_if<UpgradeRequested>(&message)) {
    on_request(*request);
  } else if (std::get_if<AbortRequested>(&message)) {
    if (!muted_) reports_->abort();
  } else if (std::get_if<StopRequested>(&message)) {
    if (!muted_) reports_->stop();
  } else {
    if (std::get_if<Serving>(&message)) resumed_.disarm();  // it accepts again
    // Or what crossed its commit.
    return std::get_if<Serving>(&message) || std::get_if<Health>(&message);
  }
  return true;
}

void GenerationLink::on_request(const protocol::UpgradeRequested& request) {
  if (muted_) return;
  const std::uint32_t number = request.number;
  const std::weak_ptr<bool> alive = alive_;
  reports_->upgrade(
      {request.skip_build, request.force, request.end_probation},
      [this, alive, number](std::string_view line) {
        if (alive.lock()) {
          send(protocol::UpgradeLine{number, std::string{line}});
        }
      },
      [this, alive, number](const Outcome& outcome) {
        if (alive.lock()) send(protocol::to_message(number, outcome));
      });
}

}  // namespace relaunch::handover
