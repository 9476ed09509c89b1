// What SuccessorDriver does under a supervisor: it serves until it is told
// otherwise, and asks for upgrades in place of making them.
#include <algorithm>
#include <utility>

#include "common/protocol/outcome.hpp"
#include "common/upgrade/successor_driver.hpp"

namespace relaunch::upgrade {

using std::chrono::milliseconds;

bool SuccessorDriver::on_supervision(const protocol::Message& message,
                                     os::Received& received) {
  using namespace protocol;
  if (!supervised()) return false;
  if (const auto* pause = std::get_if<Pause>(&message)) {
    on_pause(*pause, received);
  } else if (const auto* drain = std::get_if<DrainNow>(&message)) {
    drain_ = milliseconds{drain->drain_milliseconds};
    feed(event::DrainReceived{});
  } else if (const auto* line = std::get_if<UpgradeLine>(&message)) {
    const auto found = requests_.find(line->number);
    if (found != requests_.end() && found->second.on_line) {
      found->second.on_line(line->line);
    }
  } else if (const auto* ended = std::get_if<UpgradeEnded>(&message)) {
    on_ended(*ended);
  } else if (const auto* report = std::get_if<Report>(&message)) {
    on_report(*report);
  } else {
    return false;
  }
  return true;
}

void SuccessorDriver::on_pause(const protocol::Pause& pause,
                               os::Received& received) {
  auto* handle = received.handles.empty()
                     ? nullptr
                     : std::get_if<os::Handle>(&received.handles.front());
  if (!handle) {
    return feed(event::IncumbentLost{
        Error{errc::malformed_frame, "pause came without a process"}});
  }
  next_ =
      std::make_unique<os::Process>(std::move(*handle), pause.successor_pid);
  except_ = {pause.except.begin(), pause.except.end()};
  feed(event::PauseReceived{});
}

// The supervisor is gone: it cannot say who has the turn, but a successor
// without it ends by itself, and one that has it serves.
void SuccessorDriver::run(const action::WatchNext&) {
  auto watch = os::ProcessWatch::start(context_.io, *next_,
                                       [this] { feed(event::NextGone{}); });
  if (watch) {
    next_watch_ = std::make_unique<os::ProcessWatch>(std::move(*watch));
  } else {
    context_.log(LogLevel::error, watch.error().text());
  }
}

void SuccessorDriver::run(const action::LeaveForGood&) {
  context_.log(LogLevel::info,
               "told to leave: generation=", context_.generation);
  const milliseconds told = std::exchange(drain_, milliseconds{0});
  // The listeners are the supervisor's.
  self_.leave(told.count() > 0 ? told : context_.options.deadlines.drain,
              [](const auto&) { return false; });
}

void SuccessorDriver::run(const action::Rejoin&) {
  context_.log(LogLevel::warning,
               "the supervisor cannot be reached, serving on: generation=",
               context_.generation);
  for (const auto& [number, request] : std::exchange(requests_, {})) {
    request.on_end(unanswered());
  }
  if (control_->empty()) return;
  rejoining_ = std::make_unique<Rejoining>(
      context_.io, *control_,
      [this] {
        return protocol::Rejoin{
            context_.generation, context_.release, machine_.is_committed(),
            machine_.has_turn(),
            static_cast<std::uint32_t>(self_.listeners().entries().size())};
      },
      [this](std::unique_ptr<os::Channel> channel, os::Process supervisor) {
        on_rejoined(std::move(channel), std::move(supervisor));
      });
}

void SuccessorDriver::on_rejoined(std::unique_ptr<os::Channel> channel,
                                  os::Process supervisor) {
  rejoining_.reset();
  next_watch_.reset();  // the supervisor does, again
  next_.reset();
  channel_ = std::move(channel);
  end_.begin_again();
  channel_->restart(
      [this](os::Received received) { on_message(std::move(received)); },
      [this](Error error) { channel_lost(std::move(error)); });
  if (auto watched = watch_incumbent(std::move(supervisor)); !watched) {
    return feed(event::IncumbentLost{watched.error()});
  }
  context_.log(LogLevel::info,
               "found a supervisor again: pid=", incumbent_.id(),
               " generation=", context_.generation);
  send_opened(self_.listeners().entries());
  feed(event::Rejoined{});
}

void SuccessorDriver::send_opened(
    const std::vector<handover::ListenerSet::Entry>& entries) {
  for (std::size_t begin = 0; begin < entries.size();
       begin += protocol::kMaxListenersPerFrame) {
    protocol::Opened opened;
    std::vector<os::Outgoing> handles;
    const std::size_t end =
        std::min(entries.size(), begin + protocol::kMaxListenersPerFrame);
    for (std::size_t i = begin; i < end; ++i) {
      opened.items.push_back(entries[i].item);
      handles.emplace_back(os::SendSocket{entries[i].socket});
    }
    channel_->set_receiver(incumbent_);
    channel_->send(protocol::to_frame(opened), std::move(handles));
  }
}

// requests -------------------------------------------------------------------

void SuccessorDriver::request(const UpgradeRequest& request,
                              std::function<void(std::string_view)> on_line,
                              std::function<void(const Outcome&)> on_end) {
  if (machine_.lost()) return on_end(unanswered());
  const std::uint32_t number = ++last_request_;
  requests_[number] = {std::move(on_line), std::move(on_end)};
  send(protocol::UpgradeRequested{number, request.skip_build, request.force,
                                  request.end_probation});
}

void SuccessorDriver::on_ended(const protocol::UpgradeEnded& ended) {
  auto request = requests_.extract(ended.number);
  if (!request.empty()) request.mapped().on_end(protocol::to_outcome(ended));
}

Outcome SuccessorDriver::unanswered() const {
  Outcome outcome;
  outcome.result = Outcome::Result::failed;
  outcome.code = errc::channel_lost;
  outcome.reason = "the supervisor cannot be reached";
  outcome.serving_generation = context_.generation;
  outcome.serving_pid = os::own_process_id();
  return outcome;
}

void SuccessorDriver::on_report(const protocol::Report& report) {
  context_.board.change([&](Status& status) {
    status.phase = protocol::phase_of(report.phase);
    status.phases = protocol::to_phases(report.phases);
    status.last_outcome = report.last_outcome;
    status.last_departure = report.last_departure;
  });
}

}  // namespace relaunch::upgrade
