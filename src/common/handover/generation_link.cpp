#include "common/handover/generation_link.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include "common/os/system.hpp"

namespace relaunch::handover {

namespace {

namespace event = upgrade::event;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

std::uint32_t in_ms(milliseconds length) {
  return static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(length.count(), 0, UINT32_MAX));
}

}  // namespace

GenerationLink::GenerationLink(upgrade::Context& context,
                               const ListenerSet& listeners,
                               const upgrade::Departures& departures, Tell tell)
    : context_(context),
      listeners_(listeners),
      departures_(departures),
      tell_(std::move(tell)),
      end_(context.io),
      resumed_(context.io) {}

// launch ---------------------------------------------------------------------

Result<void> GenerationLink::launch(const release::Release& release,
                                    LaunchPlan plan) {
  release_ = release.id;
  auto pair = os::make_channel_pair();
  if (!pair) return pair.error();
  if (auto started = start_process(release, std::move(plan), std::move(*pair));
      !started) {
    return started;
  }
  if (auto watched = watch(); !watched) {
    kill();
    return watched;
  }
  channel_->start(
      [this](os::Received received) { on_message(std::move(received)); },
      [this](Error error) { channel_lost(std::move(error)); });
  context_.log_transition(LogLevel::info,
                          "successor started: pid=", process_->id(),
                          " release=", release_);
  return {};
}

Result<void> GenerationLink::watch() {
  auto watched =
      end_.watch(*process_, [this] { gone(process_->exit_status().text()); });
  if (!watched) return watched;
  channel_->set_receiver(*process_);
  return {};
}

void GenerationLink::channel_lost(Error error) {
  lost(std::move(error));
  end_.channel_ended();
}

Result<void> GenerationLink::start_process(const release::Release& release,
                                           LaunchPlan plan,
                                           os::ChannelPair channel) {
  try {
    if (context_.options.on_launch) context_.options.on_launch(plan);
  } catch (const std::exception& failure) {
    return Error{
        std::make_error_code(std::errc::operation_canceled),
        text::cat("on_launch threw: ", text::printable(failure.what()))};
  }
  os::LaunchRequest request;
  request.executable = release.executable;
  request.arguments = std::move(plan.arguments);
  request.folder = std::move(plan.folder);
  request.environment = std::move(plan.environment);
  request.environment.push_back(
      text::cat(upgrade::kIncumbentVariable, '=', os::own_process_id()));
  // From its first moment it must know what the end of this process means.
  if (context_.supervises) {
    request.environment.push_back(
        text::cat(upgrade::kSupervisorVariable, '=', context_.control));
  }
  request.as_sibling = context_.starts_siblings;
  request.handles = {
      {std::string{upgrade::kChannelVariable}, channel.theirs.get()}};
  auto process = context_.start(request);
  if (!process) return process.error();
  process_ = std::make_shared<os::Process>(std::move(*process));
  channel_ =
      std::make_unique<os::Channel>(context_.io, std::move(channel.ours));
  return {};
}

void GenerationLink::kill() {
  if (auto killed = process_->kill(); !killed) {
    context_.log(LogLevel::error, killed.error().text());
  }
}

void GenerationLink::gone(std::string status) {
  resumed_.disarm();
  if (!reports_) return tell(event::SuccessorGone{std::move(status)});
  paused();
  if (!muted_) reports_->gone(std::move(status));
}

void GenerationLink::lost(Error error) {
  if (!reports_) return tell(event::ChannelLost{std::move(error)});
  if (!muted_) reports_->lost(std::move(error));
}

// what it says ---------------------------------------------------------------

void GenerationLink::on_message(os::Received received) {
  using namespace protocol;
  auto decoded = from_frame(received.frame);
  if (!decoded) return fail(decoded.error());
  const Message& message = *decoded;
  if (reports_ && on_report(message)) return;
  if (const auto* hello = std::get_if<Hello>(&message)) {
    on_hello(*hello);
  } else if (const auto* adopted = std::get_if<Adopted>(&message)) {
    on_adopted(*adopted);
  } else if (const auto* ready = std::get_if<Ready>(&message)) {
    on_ready(*ready);
  } else if (const auto* extend = std::get_if<ExtendReady>(&message)) {
    on_extend(*extend);
  } else if (const auto* failed = std::get_if<Failed>(&message)) {
    gives_up({errc::handover_refused, text::printable(failed->reason)});
  } else if (const auto* health = std::get_if<Health>(&message)) {
    // The answer to an older question says nothing about now.
    if (health->question != question_) return;
    tell(event::HealthAnswered{health->healthy});
  } else if (std::get_if<Serving>(&message)) {
    tell(event::SuccessorServing{});
  } else if (std::get_if<Committed>(&message)) {
    tell(event::CommitAcknowledged{});
  } else if (std::get_if<Turn>(&message)) {
    tell(event::TurnReturned{});
  } else if (std::get_if<StopRequested>(&message)) {
    tell(event::StopRequested{});
  } else if (std::get_if<AbortRequested>(&message)) {
    tell(event::AbortRequested{});
  } else if (std::get_if<EndProbation>(&message)) {
    tell(event::ProbationEnded{});
  } else if (std::get_if<Leave>(&message)) {
    context_.log(LogLevel::warning,
                 "asked to leave: the drain deadline has passed");
  } else if (const auto* rejoin = std::get_if<Rejoin>(&message);
             rejoin && on_complete_) {
    on_rejoin(*rejoin);
  } else if (const auto* opened = std::get_if<Opened>(&message);
             opened && context_.supervises) {
    on_opened(*opened, received);
  } else {
    fail({errc::unexpected_message,
          text::cat("the successor sent ", type_of(message))});
  }
}

void GenerationLink::tell(upgrade::CoordinatorEvent event) {
  if (!muted_) tell_(std::move(event));
}

void GenerationLink::fail(Error error, bool blames_release) {
  if (reports_) return lost(std::move(error));
  tell(event::SuccessorFailed{std::move(error), blames_release});
}

void GenerationLink::gives_up(Error error) {
  if (reports_) return lost(std::move(error));
  tell(event::SuccessorFailed{.error = std::move(error), .ends = true});
}

void GenerationLink::on_hello(const protocol::Hello& hello) {
  if (hello.pid != process_->id()) {
    return fail({errc::handover_refused,
                 text::cat("process ", process_->id(),
                           " was started, but process ", hello.pid,
                           " says hello: start the program itself, no "
                           "wrapper")});
  }
  auto version = protocol::choose_version(hello.min_version, hello.max_version);
  if (!version) return fail(version.error());
  version_ = *version;
  tell(event::HelloReceived{});
}

void GenerationLink::on_adopted(const protocol::Adopted& adopted) {
  if (adopted.batch != adopted_batches_ || adopted_batches_ == sent_batches_) {
    return fail({errc::unexpected_message,
                 text::cat("the successor adopted batch ", adopted.batch)});
  }
  if (++adopted_batches_ < batches_.size()) return send_batches();
  adopted_at_ = steady_clock::now();
  tell(event::Adopted{});
}

void GenerationLink::on_ready(const protocol::Ready& ready) {
  unclaimed_ = {ready.unclaimed.begin(), ready.unclaimed.end()};
  for (const auto& name : unclaimed_) {
    context_.log(LogLevel::info, "the successor does not take listener '",
                 text::printable(name),
                 context_.fixed_listeners.contains(name)
                     ? "'"
                     : "': it is closed after the commit");
  }
  tell(event::SuccessorReady{});
}

void GenerationLink::on_extend(const protocol::ExtendReady& extend) {
  const auto left = std::chrono::duration_cast<milliseconds>(
      adopted_at_ + context_.options.deadlines.ready_cap - steady_clock::now());
  if (left.count() <= 0) return;
  tell(event::ReadyExtended{std::min(milliseconds{extend.milliseconds}, left)});
}

// what it is told ------------------------------------------------------------

void GenerationLink::welcome() {
  auto own = os::own_process_handle();
  if (!own) return fail(own.error(), false);
  own_process_ = std::move(*own);
  protocol::Welcome welcome{version_, context_.generation, os::own_process_id(),
                            context_.generation + 1, release_};
  std::vector<os::Outgoing> handles{os::SendHandle{own_process_.get()}};
  // A supervisor stays, and goes on watching them itself.
  for (const auto* leaver :
       context_.supervises ? std::vector<const upgrade::Departures::Leaver*>{}
                           : departures_.leaving()) {
    const auto left =
        std::chrono::ceil<milliseconds>(leaver->deadline - steady_clock::now());
    welcome.leaving.push_back({leaver->generation, leaver->process->id(),
                               in_ms(left), in_ms(leaver->grace)});
    handles.emplace_back(os::SendHandle{leaver->process->handle()});
    leaving_.push_back(leaver->process);
  }
  send(welcome, std::move(handles));
}

void GenerationLink::hand_over_listeners() {
  batches_.assign(1, {});
  for (auto& entry : listeners_.entries()) {
    if (batches_.back().size() == protocol::kMaxListenersPerFrame)
      batches_.emplace_back();
    entry.item.fixed = context_.fixed_listeners.contains(entry.item.name);
    batches_.back().push_back(std::move(entry));
  }
  send_batches();
}

// One is written while another is read, and no more: what is under way counts
// against this user's descriptors.
void GenerationLink::send_batches() {
  constexpr std::size_t kUnderWay = 2;
  while (sent_batches_ < batches_.size() &&
         sent_batches_ < adopted_batches_ + kUnderWay) {
    send_batch(sent_batches_++);
  }
}

void GenerationLink::send_batch(std::size_t batch) {
  protocol::Listeners listeners;
  listeners.batch = static_cast<std::uint32_t>(batch);
  listeners.last = batch + 1 == batches_.size();
  std::vector<os::Outgoing> handles;
  for (const auto& entry : batches_[batch]) {
    listeners.items.push_back(entry.item);
    handles.emplace_back(os::SendSocket{entry.socket});
  }
  send(listeners, std::move(handles));
}

// An incumbent that cannot be told keeps what it has: its successor finds the
// link closed.
void GenerationLink::introduce(os::Handle end,
                               std::shared_ptr<os::Process> other, bool gives) {
  const auto sent = std::make_shared<os::Handle>(std::move(end));
  channel_->send(
      protocol::to_frame(protocol::Peer{other->id(), gives}),
      {os::SendHandle{sent->get()}, os::SendHandle{other->handle()}},
      [this, sent, other](const std::optional<Error>& error) {
        // A lost channel is reported by itself.
        if (!error || error->code() == make_error_code(errc::channel_lost)) {
          return;
        }
        if (!reports_) return fail(*error, false);
        context_.log(LogLevel::warning,
                     "nothing but listeners is handed over: ", error->text());
      });
}

void GenerationLink::ask_health() { send(protocol::AskHealth{++question_}); }

void GenerationLink::give_turn() { send(protocol::Turn{}); }

void GenerationLink::take_turn_back(milliseconds drain) {
  send(protocol::GiveBack{in_ms(drain)});
}

void GenerationLink::commit(milliseconds drain, milliseconds grace) {
  send(protocol::Commit{in_ms(drain), in_ms(grace)});
}

void GenerationLink::send(const protocol::Message& message,
                          std::vector<os::Outgoing> handles) {
  channel_->send(
      protocol::to_frame(message), std::move(handles),
      [this, type = protocol::type_of(message)](std::optional<Error> error) {
        // A lost channel is reported by itself; this is a handle that cannot
        // be given away.
        if (!error || error->code() == make_error_code(errc::channel_lost)) {
          return;
        }
        fail({error->code(), text::cat("cannot send ", type)}, false);
      });
}

}  // namespace relaunch::handover
