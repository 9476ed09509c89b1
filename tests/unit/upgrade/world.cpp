#include "world.hpp"

#include <algorithm>

#include "common/base/text.hpp"

namespace relaunch::upgrade {

namespace {

using Result = Outcome::Result;
using ms = World::ms;

// In the order of What.
constexpr const char* kNames[] = {
    "begins",
    "hears its successor",
    "hears its incumbent",
    "sees its successor's end",
    "sees its incumbent's end",
    "sees the end of one that leaves",
    "has built",
    "has staged",
    "works",
    "is ready",
    "answers that it is healthy",
    "has drained",
    "ends, having been killed",
    "reaches the deadline of its step",
    "reaches its deadline for health",
    "reaches its deadline for a lost channel",
    "reaches its deadline as a successor",
    "reaches its deadline for one that leaves",
    "is asked for an upgrade",
    "is asked for an upgrade in its probation",
    "is asked to abort",
    "is asked to stop",
    "fails to build",
    "fails to stage",
    "has staged what runs already",
    "will fail to launch",
    "answers that it is not healthy",
    "will fail to write",
    "will refuse its listeners",
    "is killed",
    "freezes",
    "goes on after it was frozen",
    "loses its channel with what is on its way",
    "has its channel closed behind what is on its way",
    "sends garbage to its incumbent",
    "sends nonsense to its incumbent",
    "sends garbage to its successor",
    "sends nonsense to its successor",
};
static_assert(std::size(kNames) ==
              static_cast<std::size_t>(What::sends_nonsense_down) + 1);

World::Cause cause(What what) {
  if (what < What::step_deadline) return World::Cause::itself;
  if (what < What::upgrade) return World::Cause::clock;
  return what < What::build_fails ? World::Cause::outside
                                  : World::Cause::failure;
}

const Error kBad{errc::invalid_argument, "as it happens"};

}  // namespace

std::string to_string(const Happening& happening) {
  return text::cat("#", happening.who, " ",
                   kNames[static_cast<std::size_t>(happening.what)]);
}

// what can happen ------------------------------------------------------------

bool World::is_awake(std::size_t who) const {
  const Process& self = processes_[who];
  return self.begun && !self.killed && !self.frozen;
}

std::optional<ms> World::due(const Happening& happening) const {
  const Process& self = processes_[happening.who];
  const auto timer = [&](Timer which) -> std::optional<ms> {
    const auto it = self.timers.find(which);
    if (it == self.timers.end()) return {};
    return it->second;
  };
  switch (happening.what) {
    case What::step_deadline:
      return timer(Timer::step);
    case What::health_deadline:
      return timer(Timer::health);
    case What::lost_deadline:
      return timer(Timer::lost);
    case What::successor_deadline:
      return self.successor_timer;
    case What::leaver_deadline: {
      std::optional<ms> first;
      for (const auto& leaver : self.leavers) {
        if (!first || leaver.due < *first) first = leaver.due;
      }
      return first;
    }
    default:
      return {};
  }
}

bool World::can(const Happening& happening) const {
  const auto who = happening.who;
  if (who >= processes_.size()) return false;
  const Process& self = processes_[who];
  const auto has_news = [](const Pipe& pipe) {
    return !pipe.told && (!pipe.frames.empty() || pipe.closed);
  };
  switch (happening.what) {
    case What::begins:
      return !self.begun && !self.killed && !self.frozen;
    case What::ends:
      return self.killed && !self.ended;
    case What::is_killed:
      return !self.killed;
    case What::freezes:
      return !self.killed && !self.frozen;
    case What::thaws:
      return !self.killed && self.frozen;
    case What::loses_channel:
    case What::channel_closes:
      return self.incumbent && !self.up.closed;
    default:
      if (!is_awake(who)) return false;
  }
  switch (happening.what) {
    case What::hears_successor:
      return self.successor && has_news(processes_[*self.successor].up);
    case What::hears_incumbent:
      return self.incumbent && has_news(self.down);
    case What::sees_successor_end:
      return self.successor_watched && processes_[*self.successor].ended;
    case What::sees_incumbent_end:
      return self.incumbent_watched && processes_[*self.incumbent].ended;
    case What::sees_leaver_end:
      return std::any_of(
          self.leavers.begin(), self.leavers.end(),
          [&](const auto& leaver) { return processes_[leaver.who].ended; });
    case What::build_ends:
    case What::build_fails:
      return self.building;
    case What::staging_ends:
    case What::staging_fails:
    case What::is_staged_already:
      return self.staging;
    case What::works:
      return !self.work.empty();
    case What::is_ready:
      return !self.said_ready;
    case What::answers_health:
    case What::is_unhealthy:
      return !self.questions.empty();
    case What::has_drained:
      return self.closed && self.work.empty();
    case What::sends_garbage_up:
    case What::sends_nonsense_up:
      return self.incumbent && !self.up.closed;
    case What::sends_garbage_down:
    case What::sends_nonsense_down:
      return self.successor && !processes_[*self.successor].down.closed;
    case What::launch_will_fail:
      return !launch_fails_;
    case What::disk_will_fail:
      return !disk_fails_;
    case What::refuses_listeners:
      return !refuses_listeners_;
    default:
      return cause(happening.what) != Cause::clock || due(happening);
  }
}

std::vector<Happening> World::possible(Cause wanted) const {
  std::vector<Happening> found;
  for (std::size_t who = 0; who < processes_.size(); ++who) {
    if (processes_[who].ended) continue;
    for (std::size_t what = 0; what < std::size(kNames); ++what) {
      const Happening happening{static_cast<What>(what), who};
      if (cause(happening.what) == wanted && can(happening)) {
        found.push_back(happening);
      }
    }
  }
  return found;
}

std::optional<Happening> World::next() const {
  if (const auto ready = possible(Cause::itself); !ready.empty()) {
    return ready.front();
  }
  std::optional<Happening> first;
  for (const auto& timer : possible(Cause::clock)) {
    if (!first || *due(timer) < *due(*first)) first = timer;
  }
  return first;
}

void World::happen(const Happening& happening) {
  if (!can(happening) || broken_) return;
  if (telling_) tell(text::cat("  ", to_string(happening)));
  if (const auto at = due(happening)) now_ = std::max(now_, *at);
  const Cause why = cause(happening.what);
  if (why == Cause::failure) {
    act_failure(happening);
  } else if (why == Cause::outside) {
    act_outside(happening);
  } else {
    act(happening);
  }
  check_turn();
}

void World::act(const Happening& happening) {
  const auto who = happening.who;
  Process& self = at(who);
  const auto expire = [&](Timer timer) {
    self.timers.erase(timer);
    feed(who, event::Expired{timer});
  };
  switch (happening.what) {
    case What::begins:
      return begin(who);
    case What::hears_successor:
      return hear_successor(who);
    case What::hears_incumbent:
      return hear_incumbent(who);
    case What::sees_successor_end:
      self.successor_watched = false;
      return feed(who, event::SuccessorGone{"killed"});
    case What::sees_incumbent_end:
      self.incumbent_watched = false;
      return feed(who, event::IncumbentGone{});
    case What::sees_leaver_end:
      return leaver_event(who, Departure::Event::gone);
    case What::build_ends:
      self.building = false;
      return feed(who, event::Built{});
    case What::staging_ends:
      self.staging = false;
      return feed(who, event::Staged{});
    case What::works:
      return work(who);
    case What::is_ready:
      self.said_ready = true;
      return feed(who, event::ApplicationReady{});
    case What::answers_health: {
      const auto question = self.questions.front();
      self.questions.pop_front();
      if (self.coordinates()) return;
      return send_up(who, protocol::Health{question, true});
    }
    case What::has_drained:
    case What::ends:
      return end(who);
    case What::step_deadline:
      return expire(Timer::step);
    case What::health_deadline:
      return expire(Timer::health);
    case What::lost_deadline:
      return expire(Timer::lost);
    case What::successor_deadline:
      self.successor_timer.reset();
      return feed(who, event::SuccessorExpired{});
    case What::leaver_deadline:
      return leaver_event(who, Departure::Event::expired);
    default:
      return;
  }
}

void World::act_outside(const Happening& happening) {
  const auto who = happening.who;
  Process& self = at(who);
  switch (happening.what) {
    case What::upgrade:
      ++self.asked;
      return request(who);
    case What::upgrade_in_probation:
      ++self.asked;
      if (self.coordinates() || !self.said_ready ||
          self.machine.step() == Successor::Step::left) {
        return request(who);
      }
      ++self.waiting_for_commit;
      return send_up(who, protocol::EndProbation{});
    case What::abort:
      if (self.coordinates()) feed(who, event::AbortRequested{});
      return;
    default:
      return stop(who);
  }
}

void World::act_failure(const Happening& happening) {
  const auto who = happening.who;
  Process& self = at(who);
  switch (happening.what) {
    case What::build_fails:
      self.building = false;
      return feed(who, event::Built{kBad});
    case What::staging_fails:
      self.staging = false;
      return feed(who, event::Staged{false, kBad});
    case What::is_staged_already:
      self.staging = false;
      return feed(who, event::Staged{true, {}});
    case What::launch_will_fail:
      launch_fails_ = true;
      return;
    case What::is_unhealthy: {
      const auto question = self.questions.front();
      self.questions.pop_front();
      if (self.coordinates()) return;
      return send_up(who, protocol::Health{question, false});
    }
    case What::disk_will_fail:
      disk_fails_ = true;
      return;
    case What::refuses_listeners:
      refuses_listeners_ = true;
      return;
    case What::is_killed:
      return kill(who);
    case What::freezes:
      self.frozen = true;
      return;
    case What::thaws:
      self.frozen = false;
      return;
    case What::loses_channel:
      self.up.frames.clear();
      self.down.frames.clear();
      [[fallthrough]];
    case What::channel_closes:
      self.up.closed = self.down.closed = true;
      return;
    case What::sends_garbage_up:
      return self.up.frames.push_back({});
    case What::sends_nonsense_up:
      self.up.frames.emplace_back(protocol::Welcome{});
      return;
    case What::sends_garbage_down:
      return at(*self.successor).down.frames.push_back({});
    default:
      at(*self.successor).down.frames.emplace_back(protocol::Hello{});
  }
}

// what must hold -------------------------------------------------------------

void World::must(bool kept, const std::string& rule) {
  if (!kept && !broken_) broken_ = rule;
}

void World::check_turn() {
  int holders = 0;
  int acceptors = 0;
  for (const Process& self : processes_) {
    if (self.killed) continue;
    holders += self.holds_turn ? 1 : 0;
    acceptors += self.accepts ? 1 : 0;
  }
  must(holders <= 1, "two hold the turn");
  must(acceptors <= 1, "two accept");
}

std::optional<std::size_t> World::serving() const {
  for (std::size_t who = 0; who < processes_.size(); ++who) {
    if (processes_[who].accepts && !processes_[who].killed) return who;
  }
  return {};
}

void World::run_until_still() {
  for (int i = 0; i < 2'000; ++i) {
    const auto event = next();
    if (!event || broken_) return;
    happen(*event);
  }
  must(false, "something goes on for ever");
}

void World::come_to_rest() {
  for (std::size_t who = 0; who < processes_.size(); ++who) {
    happen({What::thaws, who});
  }
  run_until_still();
}

void World::check_rest() {
  std::size_t left = 0;
  for (std::size_t who = 0; who < processes_.size(); ++who) {
    const Process& self = processes_[who];
    if (self.killed) continue;
    ++left;
    must(!self.asked_to_stop, "who was asked to stop has left");
    must(self.accepts, "who is left at the end accepts");
    must(step(who) == Coordinator::Step::idle, "at rest, all is idle");
    must(self.coordinates(), "who is left at the end coordinates");
    must(self.asked == self.answered, "each request is answered once");
    must(record_ == who || record_uncertain_, "who serves is on record");
    must(self.leavers.empty(), "nobody is watched at rest");
  }
  must(left <= 1, "one generation is left at the end");
}

void World::check_next_upgrade() {
  const auto before = serving();
  if (!before || broken_) return;
  disk_fails_ = launch_fails_ = refuses_listeners_ = false;
  happen({What::upgrade, *before});
  come_to_rest();
  check_rest();
  must(last(*before) == Result::done && serving() == processes() - 1 &&
           !runs(*before),
       "the next upgrade works");
}

void World::tell(std::string_view line) {
  if (telling_) story_ += text::cat(line, '\n');
}

}  // namespace relaunch::upgrade
