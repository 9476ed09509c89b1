#include "common/upgrade/successor_driver.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <future>
#include <utility>

#include "common/base/error_text.hpp"
#include "common/os/fault.hpp"
#include "common/os/files.hpp"
#include "common/os/system.hpp"

namespace relaunch::upgrade {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

SuccessorDriver::SuccessorDriver(Context& context, ThisGeneration& self,
                                 Departures& departures, os::Handle channel,
                                 os::ProcessId incumbent,
                                 std::optional<std::string> supervisor)
    : context_(context),
      self_(self),
      departures_(departures),
      machine_(supervisor.has_value()),
      control_(std::move(supervisor)),
      timer_(context.io),
      channel_(std::make_unique<os::Channel>(context.io, std::move(channel))),
      incumbent_(os::Handle{}, incumbent),
      end_(context.io),
      began_(steady_clock::now()) {}

void SuccessorDriver::begin() {
  for (const auto& action : Successor::begin()) {
    std::visit([this](const auto& what) { run(what); }, action);
  }
  note_phase();
  channel_->start(
      [this](os::Received received) { on_message(std::move(received)); },
      [this](Error error) { channel_lost(std::move(error)); });
  // Until its own handle comes with the welcome: by its number, which the
  // system vouches for, only to see its end.
  auto opened = os::open_process(incumbent_.id());
  if (!opened) {
    if (opened.error().code() == std::errc::no_such_process) {
      return feed(event::IncumbentGone{});
    }
    return feed(event::CannotAdopt{opened.error()});
  }
  if (auto watched = watch_incumbent(std::move(*opened)); !watched) {
    return feed(event::CannotAdopt{watched.error()});
  }
  send(protocol::Hello{protocol::kMinVersion, protocol::kMaxVersion,
                       os::own_process_id()});
}

void SuccessorDriver::channel_lost(Error error) {
  feed(event::IncumbentLost{std::move(error)});
  end_.channel_ended();
}

Result<void> SuccessorDriver::watch_incumbent(os::Process incumbent) {
  incumbent_ = std::move(incumbent);
  return end_.watch(incumbent_, [this] { feed(event::IncumbentGone{}); });
}

void SuccessorDriver::feed(SuccessorEvent event) {
  events_.feed(std::move(event), [this](const SuccessorEvent& next) {
    const auto actions = machine_.on(next);
    note_phase();
    for (const auto& action : actions) {
      os::fault(name_of(action));
      std::visit([this](const auto& what) { run(what); }, action);
    }
  });
}

void SuccessorDriver::note_phase() {
  const Phase phase = machine_.phase();
  if (std::exchange(noted_, phase) == phase) return;
  context_.board.change([&](Status& status) {
    status.phase = phase;
    status.phases.push_back(
        {phase, std::chrono::duration_cast<std::chrono::microseconds>(
                    steady_clock::now() - began_)});
  });
}

// what the incumbent says ----------------------------------------------------

void SuccessorDriver::on_message(os::Received received) {
  auto message = protocol::from_frame(received.frame);
  if (!message) return feed(event::CannotAdopt{message.error()});
  on(*message, received);
}

void SuccessorDriver::on(const protocol::Message& message,
                         os::Received& received) {
  using namespace protocol;
  if (const auto* welcome = std::get_if<Welcome>(&message)) {
    return on_welcome(*welcome, received);
  }
  if (const auto* listeners = std::get_if<Listeners>(&message)) {
    return on_listeners(*listeners, received);
  }
  if (const auto* peer = std::get_if<Peer>(&message)) {
    return on_peer(*peer, received);
  }
  if (const auto* ask = std::get_if<AskHealth>(&message)) {
    return answer_health(ask->question);
  }
  if (std::get_if<Turn>(&message)) return feed(event::TurnReceived{});
  if (const auto* give_back = std::get_if<GiveBack>(&message)) {
    give_back_ = *give_back;
    return feed(event::GiveBackReceived{});
  }
  if (const auto* commit = std::get_if<Commit>(&message)) {
    commit_ = *commit;
    return feed(event::CommitReceived{});
  }
  if (on_supervision(message, received)) return;
  feed(event::CannotAdopt{
      Error{errc::unexpected_message,
            text::cat("the incumbent sent ", type_of(message))}});
}

void SuccessorDriver::on_welcome(const protocol::Welcome& welcome,
                                 os::Received& received) {
  if (machine_.step() != Successor::Step::greeting) return;
  std::vector<os::Handle> processes;
  for (auto& incoming : received.handles) {
    auto* handle = std::get_if<os::Handle>(&incoming);
    if (handle) processes.push_back(std::move(*handle));
  }
  if (processes.size() != 1 + welcome.leaving.size()) {
    return feed(event::CannotAdopt{Error{
        errc::malformed_frame, "welcome came without its process handles"}});
  }
  if (auto spoken = protocol::choose_version(welcome.version, welcome.version);
      !spoken) {
    return feed(event::CannotAdopt{spoken.error()});
  }
  incumbent_generation_ = welcome.incumbent_generation;
  incumbent_pid_ = welcome.incumbent_pid;
  context_.generation = welcome.generation;
  context_.release = welcome.release;
  context_.board.change([&](Status& status) {
    status.generation = welcome.generation;
    status.release = welcome.release;
  });
  for (std::size_t i = 0; i < welcome.leaving.size(); ++i) {
    const protocol::LeavingItem& item = welcome.leaving[i];
    Departures::Leaver leaver;
    leaver.process =
        std::make_shared<os::Process>(std::move(processes[i + 1]), item.pid);
    leaver.generation = item.generation;
    leaver.deadline =
        steady_clock::now() + milliseconds{item.drain_milliseconds};
    leaver.grace = milliseconds{item.grace_milliseconds};
    leaving_.push_back(std::move(leaver));
  }
  auto watched =
      watch_incumbent({std::move(processes.front()), welcome.incumbent_pid});
  if (!watched) return feed(event::CannotAdopt{watched.error()});
  feed(event::Welcomed{});
}

void SuccessorDriver::on_listeners(const protocol::Listeners& listeners,
                                   os::Received& received) {
  if (machine_.step() != Successor::Step::adopting) return;
  for (std::size_t i = 0; i < listeners.items.size(); ++i) {
    auto* socket = i < received.handles.size()
                       ? std::get_if<os::Socket>(&received.handles[i])
                       : nullptr;
    auto adopted =
        socket ? self_.listeners().adopt(listeners.items[i], std::move(*socket))
               : Result<void>{Error{errc::malformed_frame,
                                    "a listener came without its socket"}};
    if (!adopted) return feed(event::CannotAdopt{adopted.error()});
  }
  send(protocol::Adopted{listeners.batch});
  if (!listeners.last) return;
  feed(event::AllAdopted{});
  settle_listeners({});
}

void SuccessorDriver::on_peer(const protocol::Peer& peer,
                              os::Received& received) {
  auto* end = std::get_if<os::Handle>(&received.handles.front());
  auto* process = std::get_if<os::Handle>(&received.handles.back());
  if (!end || !process) {
    return feed(event::CannotAdopt{
        Error{errc::malformed_frame, "a peer came without its handles"}});
  }
  const auto other =
      std::make_shared<os::Process>(std::move(*process), peer.pid);
  if (peer.gives) {
    self_.crossing().give_to(std::move(*end), other);
  } else {
    self_.crossing().take_from(std::move(*end), other);
  }
}

void SuccessorDriver::answer_health(std::uint32_t question) {
  self_.ask_health([this, question](bool healthy) {
    if (!committed()) send(protocol::Health{question, healthy});
  });
}

void SuccessorDriver::send(const protocol::Message& message) {
  channel_->send(protocol::to_frame(message));
}

// listen() -------------------------------------------------------------------

void SuccessorDriver::settle_listeners(std::optional<Error> error) {
  {
    const std::lock_guard lock{mutex_};
    if (listeners_settled_ && !error) return;
    listeners_settled_ = true;
    listeners_error_ = std::move(error);
  }
  settled_.notify_all();
}

Result<void> SuccessorDriver::wait_for_listeners() {
  std::unique_lock lock{mutex_};
  // The machine's own deadline ends this wait; the one here only guards
  // against a bug in it.
  const auto limit = context_.options.deadlines.hello + std::chrono::seconds{5};
  if (!settled_.wait_for(lock, limit, [this] { return listeners_settled_; })) {
    return Error{errc::hello_timeout, "no listeners from the incumbent"};
  }
  if (listeners_error_) return *listeners_error_;
  return {};
}

// prepare --------------------------------------------------------------------

void SuccessorDriver::give_up(const Error& error) {
  tell([this, error] { feed(event::CannotAdopt{error}); });
}

void SuccessorDriver::note_failure(std::optional<Error> error) {
  context_.mailbox->post([this, error = std::move(error)]() mutable {
    failure_ = std::move(error);
  });
}

// No more than that: what the application's callbacks use may be gone.
void SuccessorDriver::tell_failure() {
  tell([this] {
    if (failure_ && machine_.step() == Successor::Step::initialising &&
        !machine_.alone()) {
      send(protocol::Failed{reason_of(*failure_)});
    }
  });
}

void SuccessorDriver::tell(std::function<void()> send) {
  const auto told = std::make_shared<std::promise<void>>();
  context_.mailbox->post([this, send = std::move(send), told] {
    send();
    // Behind what has just been queued to be sent.
    boost::asio::post(context_.io, [told] { told->set_value(); });
  });
  told->get_future().wait_for(std::chrono::seconds{1});
}

void SuccessorDriver::run(const action::SendReady&) {
  if (supervised()) send_opened(self_.listeners().opened());
  protocol::Ready ready{self_.listeners().unclaimed()};
  self_.listeners().close_unclaimed();
  send(ready);
}

void SuccessorDriver::extend_ready(milliseconds more) {
  if (machine_.step() != Successor::Step::initialising || machine_.alone()) {
    return;
  }
  send(protocol::ExtendReady{static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(more.count(), 0, UINT32_MAX))});
}

void SuccessorDriver::run(const action::GoOnAlone&) {
  context_.log(LogLevel::warning,
               "the incumbent ended before it had given its listeners, "
               "opening them anew: generation=",
               context_.generation);
  self_.crossing().nobody_to_ask({errc::channel_lost, "the incumbent ended"});
  settle_listeners({});
}

// the turn -------------------------------------------------------------------

void SuccessorDriver::run(const action::TakeTurn&) {
  ++yields_;
  next_watch_.reset();
  next_.reset();
  self_.crossing().not_succeeded();
  if (machine_.alone() && !supervised()) remove_unclaimed_files();
  self_.listeners().close_unclaimed();
  self_.accept([this] { feed(event::Accepting{}); });
}

// Nobody else has them.
void SuccessorDriver::remove_unclaimed_files() {
  const auto unclaimed = self_.listeners().unclaimed();
  const std::set<std::string> names{unclaimed.begin(), unclaimed.end()};
  self_.listeners().remove_files(
      [&](const auto& listener) { return names.contains(listener.name); });
}

void SuccessorDriver::run(const action::SendServing&) {
  context_.log(LogLevel::info,
               "serving, in probation: generation=", context_.generation,
               " release=", context_.release);
  send(protocol::Serving{});
}

void SuccessorDriver::run(const action::YieldTurn&) {
  self_.yield(std::exchange(except_, {}), [this, number = ++yields_] {
    // One that was called off may still finish, after the next even.
    if (number == yields_) feed(event::Yielded{});
  });
}

void SuccessorDriver::run(const action::SendTurn&) { send(protocol::Turn{}); }

void SuccessorDriver::run(const action::LeaveAgain&) {
  context_.log(LogLevel::warning, "not needed any more, draining: generation=",
               context_.generation);
  const milliseconds told{give_back_.drain_milliseconds};
  settle_listeners({});
  leave_again(told.count() > 0 ? told : context_.options.deadlines.drain);
}

// What it was given is the incumbent's, which goes on with it: unless that is
// gone, and no supervisor holds it.
void SuccessorDriver::leave_again(milliseconds drain) {
  const bool all = machine_.alone() && !supervised();
  self_.leave(drain, [all](const auto& listener) {
    return all || !listener.inherited;
  });
  settle_requests(false);
}

void SuccessorDriver::run(const action::ForwardStop&) {
  send(protocol::StopRequested{});
}

void SuccessorDriver::run(const action::GiveUp& give_up) {
  context_.log(LogLevel::error, "cannot become a generation: reason=\"",
               text::printable(give_up.error.text()), '"');
  send(protocol::Failed{reason_of(give_up.error)});
  settle_listeners(give_up.error);
  leave_again(context_.options.deadlines.drain);
}

// commit ---------------------------------------------------------------------

void SuccessorDriver::run(const action::RecordAlone&) {
  context_.log(
      LogLevel::warning,
      "the incumbent ended, going on alone: generation=", context_.generation);
  auto recorded = context_.store->set_current(
      {context_.release, context_.generation, os::own_process_id()});
  if (!recorded) context_.log(LogLevel::error, recorded.error().text());
}

void SuccessorDriver::run(const action::Stay& stay) {
  os::set_fault_role("incumbent");
  self_.crossing().stay();
  context_.log(LogLevel::info, "committed: generation=", context_.generation,
               " release=", context_.release);
  for (auto& leaver : std::exchange(leaving_, {})) {
    departures_.watch(std::move(leaver));
  }
  if (stay.watch_incumbent) {
    context_.board.change([](Status& status) { status.phase = Phase::drain; });
    watch_incumbent_leave();
  } else {
    context_.board.change([](Status& status) { status.phase = Phase::idle; });
  }
  // Under a supervisor the releases are its own.
  if (!supervised()) {
    context_.store->prune(departures_.releases_to_keep(), {context_.release});
    auto free = context_.store->release_hold(context_.release);
    if (!free) context_.log(LogLevel::warning, free.error().text());
  }
  // What is asked of a supervisor must come after the acknowledgement.
  if (supervised()) return;
  settle_requests(true);
  if (context_.on_stay) context_.on_stay();
  if (!stay.watch_incumbent && context_.on_incumbent_gone) {
    context_.on_incumbent_gone();
  }
}

void SuccessorDriver::settle_requests(bool committed) {
  for (const auto& then : std::exchange(on_settled_, {})) then(committed);
}

void SuccessorDriver::run(const action::SendCommitted&) {
  send(protocol::Committed{});
  if (supervised()) settle_requests(true);
}

void SuccessorDriver::watch_incumbent_leave() {
  end_.stop_watching();
  Departures::Leaver leaver;
  leaver.process = std::make_shared<os::Process>(std::move(incumbent_));
  leaver.generation = incumbent_generation_;
  leaver.ask = [this] { send(protocol::Leave{}); };
  leaver.deadline =
      steady_clock::now() + milliseconds{commit_.drain_milliseconds};
  leaver.grace = milliseconds{commit_.grace_milliseconds};
  leaver.on_gone = [this] { note_incumbent_gone(); };
  departures_.watch(std::move(leaver));
}

void SuccessorDriver::note_incumbent_gone() {
  if (context_.on_incumbent_gone) context_.on_incumbent_gone();
  os::remove_if_possible(
      os::aside_name(context_.built_program(), incumbent_pid_));
  const auto at = std::chrono::duration_cast<std::chrono::microseconds>(
      steady_clock::now() - began_);
  context_.board.change([&](Status& status) {
    // An upgrade of its own may have begun meanwhile.
    if (status.phase != Phase::drain) return;
    status.phase = Phase::idle;
    status.phases.push_back({Phase::done, at});
  });
}

void SuccessorDriver::abort() {
  if (left() || (committed() && !supervised())) return;
  send(protocol::AbortRequested{});
}

void SuccessorDriver::end_probation(std::function<void(bool)> then) {
  on_settled_.push_back(std::move(then));
  send(protocol::EndProbation{});
}

void SuccessorDriver::stop(std::function<void()> if_committed) {
  if (supervised()) return feed(event::SuccessorStopRequested{});
  on_settled_.push_back(
      [if_committed = std::move(if_committed)](bool committed) {
        if (committed) if_committed();
      });
  feed(event::SuccessorStopRequested{});
}

// deadlines ------------------------------------------------------------------

void SuccessorDriver::run(const action::ArmSuccessor& arm) {
  using Wait = action::ArmSuccessor::Wait;
  const Deadlines& deadlines = context_.options.deadlines;
  milliseconds after = deadlines.hello;
  switch (arm.wait) {
    case Wait::hello:
      break;
    case Wait::ready_cap:
      after = deadlines.ready_cap;
      break;
    case Wait::turn:
      // The incumbent asks for health, pauses, and gives the turn, each within
      // its own deadline; this one is for an incumbent that does none of it.
      after = 2 * (deadlines.health + deadlines.pause + deadlines.turn);
      break;
    case Wait::lost:
      after = std::chrono::seconds{2};
      break;
  }
  timer_.arm(after, [this] { feed(event::SuccessorExpired{}); });
}

void SuccessorDriver::run(const action::DisarmSuccessor&) { timer_.disarm(); }

}  // namespace relaunch::upgrade
