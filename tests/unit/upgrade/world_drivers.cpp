// What the drivers do with the actions of the machines, in the world.
#include <algorithm>

#include "common/base/text.hpp"
#include "world.hpp"

namespace relaunch::upgrade {

namespace {

using Result = Outcome::Result;
using ms = World::ms;

constexpr std::size_t kMaxDraining = 4;
constexpr ms kDrain{30'000};
constexpr ms kGrace{2'000};

ms length(Wait wait) {
  switch (wait) {
    case Wait::build:
      return ms{600'000};
    case Wait::stage:
    case Wait::ready:
      return ms{60'000};
    case Wait::hello:
      return ms{20'000};
    case Wait::probation:
      return ms{3'000};
    case Wait::health:
      return ms{2'000};
    case Wait::health_interval:
    case Wait::lost:
      return ms{500};
    case Wait::grace:
      return kGrace;
    case Wait::pause:
    case Wait::turn:
    case Wait::kill:
      break;
  }
  return ms{5'000};
}

ms length(action::ArmSuccessor::Wait wait) {
  using SuccessorWait = action::ArmSuccessor::Wait;
  switch (wait) {
    case SuccessorWait::hello:
      return ms{20'000};
    case SuccessorWait::ready_cap:
      return ms{600'000};
    case SuccessorWait::turn:
      return ms{24'000};
    case SuccessorWait::lost:
      break;
  }
  return ms{2'000};
}

const Error kBad{errc::invalid_argument, "as it happens"};
const Error kClosed{errc::channel_lost, ""};
const Error kGarbage{errc::malformed_frame, "garbage"};
const Error kNonsense{errc::unexpected_message, "nonsense"};

}  // namespace

template <typename Actions>
void World::tell(std::size_t who, const Actions& actions) {
  if (!telling_ || actions.empty()) return;
  std::string names;
  for (const auto& action : actions) {
    names += text::cat(names.empty() ? "" : ", ", name_of(action));
  }
  tell(text::cat("    #", who, ": ", names));
}

// what the drivers do --------------------------------------------------------

struct World::Runner {
  World& world;
  std::size_t who;
  Process& self = world.at(who);

  void send_down(protocol::Message message) const {
    World::send(world.at(*self.successor).down, std::move(message));
  }
  void send_up(protocol::Message message) const {
    world.send_up(who, std::move(message));
  }

  // as a coordinator
  void run(const action::StartBuild&) const { self.building = true; }
  void run(const action::CancelBuild&) const {}
  void run(const action::Stage&) const {
    if (self.staging) return world.feed(who, event::Staged{false, kBad});
    self.staging = true;
  }
  void run(const action::CancelStage&) const {}
  void run(const action::Launch&) const {
    // Left out: it launches before its incumbent has read that it took over,
    // and the incumbent cannot read that any more (docs/faults.md).
    const bool too_soon =
        self.incumbent && !world.at(*self.incumbent).ended &&
        world.step(*self.incumbent) == Coordinator::Step::confirming;
    if (std::exchange(world.launch_fails_, false) || too_soon) {
      return world.feed(who, event::Launched{kBad});
    }
    self.successor = world.processes_.size();
    self.successor_watched = true;
    world.processes_.emplace_back();
    world.processes_.back().incumbent = who;
    world.feed(who, event::Launched{});
  }
  void run(const action::Welcome&) const {
    send_down(protocol::Welcome{});
    send_down(protocol::Listeners{0, true, {}});
  }
  void run(const action::AskHealth&) const {
    send_down(protocol::AskHealth{++self.question});
  }
  // Only a supervisor does this.
  void run(const action::EndIncumbent&) const {
    world.must(false, "an incumbent does not end itself");
  }
  void run(const action::PauseAccepting&) const {
    world.yield(who, [this_world = &world, who = who, number = ++self.pauses] {
      if (number == this_world->at(who).pauses) {
        this_world->feed(who, event::Paused{});
      }
    });
  }
  void run(const action::GiveTurn&) const { send_down(protocol::Turn{}); }
  void run(const action::ResumeAccepting&) const {
    ++self.pauses;
    world.accept(who, [] {});
  }
  void run(const action::TakeTurnBack&) const {
    send_down(protocol::GiveBack{});
  }
  void run(const action::KillSuccessor&) const { world.kill(*self.successor); }
  void run(const action::WatchSuccessorLeave&) const {
    self.successor_watched = false;
    world.watch_leave(who, *std::exchange(self.successor, {}));
  }
  void run(const action::Record&) const {
    if (!world.disk_works()) return world.feed(who, event::Recorded{kBad});
    world.record_ = *self.successor;
    world.record_uncertain_ = false;
    world.feed(who, event::Recorded{});
  }
  void run(const action::RestoreRecord&) const { record_self(); }
  void run(const action::Commit&) const { send_down(protocol::Commit{}); }
  void run(const action::AnswerAndSucceed&) const {
    world.must(world.record_ == *self.successor, "done is what is recorded");
    world.answer(who, Result::done);
    self.successor_watched = false;
    world.leave(who);
  }
  void run(const action::Finish& finish) const {
    world.must(world.record_ == who || world.record_uncertain_,
               "who serves on is on record");
    if (const auto successor = std::exchange(self.successor, {})) {
      world.at(*successor).down.closed = true;
      self.successor_watched = false;
    }
    world.answer(who, finish.result);
  }
  void run(const action::RefuseRequest&) const {
    world.answer(who, Result::refused);
  }
  void run(const action::Leave&) const { world.leave(who); }
  void run(const action::Arm& arm) const {
    self.timers[arm.timer] =
        world.now_ + arm.instead.value_or(length(arm.wait));
  }
  void run(const action::Disarm& disarm) const {
    self.timers.erase(disarm.timer);
  }

  // as a successor
  void run(const action::SendReady&) const { send_up(protocol::Ready{}); }
  void run(const action::TakeTurn&) const {
    world.accept(who, [this_world = &world, who = who] {
      this_world->feed(who, event::Accepting{});
    });
  }
  void run(const action::SendServing&) const { send_up(protocol::Serving{}); }
  void run(const action::YieldTurn&) const {
    world.yield(who, [this_world = &world, who = who] {
      this_world->feed(who, event::Yielded{});
    });
  }
  void run(const action::SendTurn&) const { send_up(protocol::Turn{}); }
  void run(const action::RecordAlone&) const { record_self(); }
  void run(const action::Stay& stay) const {
    if (stay.watch_incumbent) {
      self.incumbent_watched = false;
      world.watch_leave(who, *self.incumbent);
    }
    world.settle(who, true);
  }
  void run(const action::SendCommitted&) const {
    send_up(protocol::Committed{});
  }
  void run(const action::GoOnAlone&) const {}
  void run(const action::LeaveAgain&) const {
    world.leave(who);
    world.settle(who, false);
  }
  void run(const action::GiveUp& give_up) const {
    send_up(protocol::Failed{give_up.error.text()});
    world.leave(who);
    world.settle(who, false);
  }
  void run(const action::ForwardStop&) const {
    send_up(protocol::StopRequested{});
  }
  void run(const action::ArmSuccessor& arm) const {
    self.successor_timer = world.now_ + length(arm.wait);
  }
  // This world has no supervisor.
  void run(const action::LeaveForGood&) const {}
  void run(const action::Rejoin&) const {}
  void run(const action::WatchNext&) const {}
  void run(const action::DisarmSuccessor&) const {
    self.successor_timer.reset();
  }

  void record_self() const {
    world.record_uncertain_ = !world.disk_works();
    if (!world.record_uncertain_) world.record_ = who;
  }
};

void World::feed(std::size_t who, CoordinatorEvent event) {
  Process& self = at(who);
  self.coordinator_events.push_back(std::move(event));
  if (std::exchange(self.feeding_coordinator, true)) return;
  while (!self.coordinator_events.empty()) {
    const auto next = std::move(self.coordinator_events.front());
    self.coordinator_events.pop_front();
    const auto actions = self.coordinator.on(next);
    tell(who, actions);
    self.coordinator_rules.after(next, actions, self.coordinator);
    if (self.coordinator_rules.broken()) {
      must(false, *self.coordinator_rules.broken());
    }
    const Runner runner{*this, who};
    for (const auto& action : actions) {
      std::visit([&](const auto& what) { runner.run(what); }, action);
    }
  }
  self.feeding_coordinator = false;
}

void World::feed(std::size_t who, SuccessorEvent event) {
  Process& self = at(who);
  self.successor_events.push_back(std::move(event));
  if (std::exchange(self.feeding_successor, true)) return;
  while (!self.successor_events.empty()) {
    const auto next = std::move(self.successor_events.front());
    self.successor_events.pop_front();
    const auto actions = self.machine.on(next);
    tell(who, actions);
    self.successor_rules.after(next, actions, self.machine);
    if (self.successor_rules.broken()) {
      must(false, *self.successor_rules.broken());
    }
    const Runner runner{*this, who};
    for (const auto& action : actions) {
      std::visit([&](const auto& what) { runner.run(what); }, action);
    }
  }
  self.feeding_successor = false;
}

// what a generation does -----------------------------------------------------

World::World() {
  Process first;
  first.begun = first.said_ready = first.accepts = first.holds_turn = true;
  processes_.push_back(std::move(first));
}

void World::send(Pipe& pipe, protocol::Message message) {
  if (!pipe.closed) pipe.frames.emplace_back(std::move(message));
}

void World::send_up(std::size_t who, protocol::Message message) {
  send(at(who).up, std::move(message));
}

void World::begin(std::size_t who) {
  at(who).begun = at(who).incumbent_watched = true;
  const auto actions = Successor::begin();
  at(who).successor_rules.begun(actions);
  for (const auto& action : actions) {
    std::visit([&](const auto& what) { Runner{*this, who}.run(what); }, action);
  }
  send_up(who, protocol::Hello{});
}

void World::accept(std::size_t who, std::function<void()> done) {
  if (at(who).leaving) return;
  at(who).work.push_back({Work::accept, 0, std::move(done)});
}

void World::yield(std::size_t who, std::function<void()> done) {
  at(who).work.push_back({Work::yield, 0, std::move(done)});
}

void World::leave(std::size_t who) {
  if (std::exchange(at(who).leaving, true)) return;
  at(who).work.push_back({Work::leave, 0, [] {}});
}

// on_take runs before it accepts, on_yield after it has stopped.
void World::work(std::size_t who) {
  Process& self = at(who);
  Work& work = self.work.front();
  if (work.steps++ == 0 && work.kind != Work::leave) {
    (work.kind == Work::accept ? self.holds_turn = true : self.accepts = false);
    return;
  }
  switch (work.kind) {
    case Work::accept:
      self.accepts = true;
      break;
    case Work::yield:
      self.holds_turn = false;
      break;
    case Work::leave:
      self.accepts = false;
      self.closed = true;
      break;
  }
  const auto done = std::move(work.done);
  self.work.pop_front();
  done();
}

void World::stop(std::size_t who) {
  at(who).asked_to_stop = true;
  if (at(who).coordinates()) return feed(who, event::StopRequested{});
  feed(who, event::SuccessorStopRequested{});
}

void World::request(std::size_t who) {
  const Process& self = at(who);
  const bool idle = self.coordinator.step() == Coordinator::Step::idle;
  if (!self.said_ready || !self.coordinates() ||
      (idle && self.leavers.size() >= kMaxDraining)) {
    return answer(who, Result::refused);
  }
  feed(who, event::Requested{});
}

void World::answer(std::size_t who, Result result) {
  ++at(who).answered;
  if (result != Result::refused) at(who).last = result;
}

void World::settle(std::size_t who, bool committed) {
  for (int left = std::exchange(at(who).waiting_for_commit, 0); left > 0;
       --left) {
    committed ? request(who) : answer(who, Result::refused);
  }
  if (committed && at(who).asked_to_stop) feed(who, event::StopRequested{});
}

void World::kill(std::size_t who) { at(who).killed = true; }

void World::end(std::size_t who) {
  Process& self = at(who);
  self.killed = self.ended = true;
  self.up.closed = self.down.closed = true;
  for (Process& other : processes_) {
    if (other.incumbent == who) other.up.closed = other.down.closed = true;
  }
}

void World::watch_leave(std::size_t who, std::size_t leaver) {
  at(who).leavers.push_back({leaver, {}, now_ + kDrain});
}

void World::leaver_event(std::size_t who, Departure::Event event) {
  auto& leavers = at(who).leavers;
  const auto it = std::min_element(
      leavers.begin(), leavers.end(), [&](const auto& a, const auto& b) {
        const auto rank = [&](const Leaver& leaver) {
          const bool gone = at(leaver.who).ended;
          return std::pair{event == Departure::Event::gone && !gone,
                           leaver.due};
        };
        return rank(a) < rank(b);
      });
  if (at(it->who).ended) event = Departure::Event::gone;
  for (const auto action : it->machine.on(event)) {
    if (action == Departure::Action::ask && is_awake(it->who)) {
      stop(it->who);
    } else if (action == Departure::Action::kill) {
      kill(it->who);
    } else if (action == Departure::Action::arm_grace) {
      it->due = now_ + kGrace;
    }
  }
  if (it->machine.over()) leavers.erase(it);
}

// what it hears --------------------------------------------------------------

void World::hear_successor(std::size_t who) {
  using namespace protocol;
  Process& successor = at(*at(who).successor);
  Pipe& pipe = successor.up;
  if (pipe.frames.empty()) {
    pipe.told = true;
    return feed(who, event::ChannelLost{kClosed});
  }
  const Frame frame = std::move(pipe.frames.front());
  pipe.frames.pop_front();
  if (!frame) {
    pipe.told = pipe.closed = successor.down.closed = true;
    pipe.frames.clear();
    return feed(who, event::ChannelLost{kGarbage});
  }
  if (std::get_if<Hello>(&*frame)) return feed(who, event::HelloReceived{});
  if (std::get_if<Adopted>(&*frame)) return feed(who, event::Adopted{});
  if (std::get_if<Ready>(&*frame)) return feed(who, event::SuccessorReady{});
  if (std::get_if<Turn>(&*frame)) return feed(who, event::TurnReturned{});
  if (std::get_if<Serving>(&*frame)) {
    return feed(who, event::SuccessorServing{});
  }
  if (std::get_if<Committed>(&*frame)) {
    return feed(who, event::CommitAcknowledged{});
  }
  if (std::get_if<StopRequested>(&*frame)) {
    return feed(who, event::StopRequested{});
  }
  if (std::get_if<EndProbation>(&*frame)) {
    return feed(who, event::ProbationEnded{});
  }
  if (const auto* health = std::get_if<Health>(&*frame)) {
    if (health->question != at(who).question) return;
    return feed(who, event::HealthAnswered{health->healthy});
  }
  const bool gives_up = std::get_if<Failed>(&*frame) != nullptr;
  feed(who, event::SuccessorFailed{kNonsense, true, gives_up});
}

void World::hear_incumbent(std::size_t who) {
  using namespace protocol;
  Process& self = at(who);
  if (self.down.frames.empty()) {
    self.down.told = true;
    return feed(who, event::IncumbentLost{kClosed});
  }
  const Frame frame = std::move(self.down.frames.front());
  self.down.frames.pop_front();
  if (!frame) {
    self.down.told = self.down.closed = self.up.closed = true;
    self.down.frames.clear();
    return feed(who, event::IncumbentLost{kGarbage});
  }
  if (std::get_if<Welcome>(&*frame)) return feed(who, event::Welcomed{});
  if (std::get_if<Listeners>(&*frame)) {
    if (self.machine.step() != Successor::Step::adopting) return;
    if (std::exchange(refuses_listeners_, false)) {
      return feed(who, event::CannotAdopt{kBad});
    }
    send_up(who, Adopted{});
    return feed(who, event::AllAdopted{});
  }
  if (const auto* ask = std::get_if<AskHealth>(&*frame)) {
    return self.questions.push_back(ask->question);
  }
  if (std::get_if<Turn>(&*frame)) return feed(who, event::TurnReceived{});
  if (std::get_if<GiveBack>(&*frame)) {
    return feed(who, event::GiveBackReceived{});
  }
  if (std::get_if<Commit>(&*frame)) return feed(who, event::CommitReceived{});
  feed(who, event::CannotAdopt{kNonsense});
}

}  // namespace relaunch::upgrade
