// What holds for the machines whatever happens: runs by chance, and every
// single fault at every moment of an upgrade.
#include <gtest/gtest.h>

#include <functional>

#include "chance.hpp"
#include "common/base/text.hpp"
#include "world.hpp"

namespace relaunch::upgrade {
namespace {

/// Whom it happens to is told by kinship: 0 is the newest process, 1 its
/// incumbent, and so on. Then a part of a course still means the same when the
/// upgrades before it are left out.
struct Move {
  What what = What::works;
  std::size_t age = 0;
};
using Course = std::vector<Move>;

std::vector<std::size_t> by_age(const World& world) {
  std::vector<std::size_t> kin{world.processes() - 1};
  while (const auto incumbent = world.incumbent_of(kin.back())) {
    kin.push_back(*incumbent);
  }
  const std::size_t ancestors = kin.size();
  for (std::size_t who = world.processes(); who-- > 0;) {
    const auto end = kin.begin() + static_cast<std::ptrdiff_t>(ancestors);
    if (std::find(kin.begin(), end, who) == end) kin.push_back(who);
  }
  return kin;
}

void go(World& world, const Move& move) {
  const auto kin = by_age(world);
  world.happen({move.what, kin[std::min(move.age, kin.size() - 1)]});
}

Move move_of(const World& world, const Happening& happening) {
  const auto kin = by_age(world);
  const auto at = std::find(kin.begin(), kin.end(), happening.who);
  return {happening.what, static_cast<std::size_t>(at - kin.begin())};
}

/// What is wrong with this run, if anything is: on the way, at its end, or
/// with the upgrade after it.
std::optional<std::string> fault_of(const Course& course,
                                    std::string* story = nullptr) {
  World world;
  if (story) world.tell_story();
  for (const Move& move : course) go(world, move);
  world.tell("then nothing more disturbs them:");
  world.come_to_rest();
  world.tell("and one more upgrade:");
  world.check_rest();
  world.check_next_upgrade();
  if (story) *story = world.story();
  return world.broken();
}

/// How restless a run is.
struct Mix {
  std::size_t clock = 10;
  std::size_t outside = 5;
  std::size_t failure = 5;
};

Course course_by_chance(std::uint64_t seed) {
  Chance chance{seed};
  const Mix mix{chance.one_of(std::vector<std::size_t>{2, 10, 30}),
                chance.one_of(std::vector<std::size_t>{2, 5, 10}),
                chance.one_of(std::vector<std::size_t>{0, 2, 5, 15})};
  World world;
  Course course;
  const std::size_t length = 20 + chance.below(120);
  while (course.size() < length && !world.broken()) {
    const std::size_t die = chance.below(100);
    auto cause = World::Cause::itself;
    if (die < mix.clock) {
      cause = World::Cause::clock;
    } else if (die < mix.clock + mix.outside) {
      cause = World::Cause::outside;
    } else if (die < mix.clock + mix.outside + mix.failure) {
      cause = World::Cause::failure;
    }
    auto possible = world.possible(cause);
    if (possible.empty()) possible = world.possible(World::Cause::outside);
    if (possible.empty()) break;  // nobody is left
    // Mostly an upgrade, or there is nothing to see.
    Happening next = chance.one_of(possible);
    if (next.what > What::upgrade && next.what <= What::stop &&
        chance.percent(70)) {
      next.what = What::upgrade;
    }
    course.push_back(move_of(world, next));
    go(world, course.back());
  }
  return course;
}

std::string explain(const Course& course, std::uint64_t seed) {
  const auto shortest = shrink(
      course, [](const Course& part) { return fault_of(part).has_value(); });
  std::string story;
  const auto fault = fault_of(shortest, &story);
  return text::cat("broken: ", *fault, "\nRELAUNCH_PROPERTY_SEED=", seed, ", ",
                   shortest.size(), " events are enough:\n", story);
}

TEST(Machines, KeepTheirPromisesWhateverHappens) {
  const Seeds seeds{4'000};
  for (auto seed = seeds.begin; seed < seeds.end; ++seed) {
    const Course course = course_by_chance(seed);
    ASSERT_FALSE(fault_of(course)) << explain(course, seed);
  }
}

// one fault at every moment ---------------------------------------------------

/// An upgrade that nothing disturbs but this, before its step `moment`.
/// Nothing: it was over before, or this cannot happen then.
std::optional<World> upgrade_with(std::size_t moment, const Happening& fault,
                                  bool& may_end_the_service) {
  World world;
  world.tell_story();
  world.happen({What::upgrade, 0});
  for (std::size_t step = 0; step < moment; ++step) {
    const auto next = world.next();
    if (!next) return {};
    world.happen(*next);
  }
  if (!world.can(fault)) return {};
  // It ends with the only process that there is, or that is committed.
  const bool killed = fault.what == What::is_killed;
  const bool committed = world.processes() > 1 && world.coordinates(1);
  may_end_the_service = fault.what == What::stop ||
                        (killed && fault.who == 0 && world.processes() == 1) ||
                        (killed && fault.who == 1 && committed);
  world.happen(fault);
  world.run_until_still();
  world.come_to_rest();
  return world;
}

TEST(Machines, OneFaultAtAnyMomentDoesNotEndTheService) {
  std::size_t shown = 0;
  for (std::size_t moment = 0; moment < 60; ++moment) {
    for (auto what = What::upgrade; what <= What::sends_nonsense_down;
         what = static_cast<What>(static_cast<int>(what) + 1)) {
      for (const std::size_t who : {0u, 1u}) {
        bool may_end = false;
        auto world = upgrade_with(moment, {what, who}, may_end);
        if (!world) continue;
        ++shown;
        world->check_rest();
        const bool served = world->serving().has_value();
        world->check_next_upgrade();
        ASSERT_FALSE(world->broken()) << *world->broken() << ":\n"
                                      << world->story();
        ASSERT_TRUE(served || may_end) << "nobody serves:\n" << world->story();
      }
    }
  }
  EXPECT_GT(shown, 500u) << "of the course of an upgrade";
}

// each machine alone, with events that no driver would tell it ---------------

struct CoordinatorAlone {
  using Step = Coordinator::Step;
  using Event = CoordinatorEvent;
  struct Row {
    const char* name;
    Event event;
    std::optional<Step> awaited_in{};  ///< it takes the upgrade further there
  };

  static const std::vector<Row>& rows() {
    static const Error bad{errc::invalid_argument, "bad"};
    static const std::vector<Row> rows{
        {"requested", event::Requested{}, Step::idle},
        {"requested without a build", event::Requested{event::From::stage}, {}},
        {"built", event::Built{}, Step::building},
        {"build failed", event::Built{bad}, {}},
        {"staged", event::Staged{}, Step::staging},
        {"nothing to stage", event::Staged{true, {}}, {}},
        {"staging failed", event::Staged{false, bad}, {}},
        {"launched", event::Launched{}, Step::launching},
        {"launch failed", event::Launched{bad}, {}},
        {"hello", event::HelloReceived{}, Step::greeting},
        {"adopted", event::Adopted{}, Step::adopting},
        {"failed", event::SuccessorFailed{bad}, {}},
        {"gives up", event::SuccessorFailed{bad, true, true}, {}},
        {"ready", event::SuccessorReady{}, Step::preparing},
        {"ready later", event::ReadyExtended{}, {}},
        {"healthy", event::HealthAnswered{true}, Step::checking},
        {"unhealthy", event::HealthAnswered{false}, {}},
        {"paused", event::Paused{}, Step::pausing},
        {"serving", event::SuccessorServing{}, Step::switching},
        {"turn returned", event::TurnReturned{}, Step::taking_back},
        {"recorded", event::Recorded{}, Step::committing},
        {"not recorded", event::Recorded{bad}, {}},
        {"acknowledged", event::CommitAcknowledged{}, Step::confirming},
        {"gone", event::SuccessorGone{"gone"}, Step::ending},
        {"channel closed", event::ChannelLost{{errc::channel_lost, ""}}, {}},
        {"garbage", event::ChannelLost{{errc::malformed_frame, ""}}, {}},
        {"step expired", event::Expired{Timer::step}, {}},
        {"health expired", event::Expired{Timer::health}, {}},
        {"lost expired", event::Expired{Timer::lost}, {}},
        {"abort", event::AbortRequested{}, {}},
        {"stop", event::StopRequested{}, {}},
        {"probation ended", event::ProbationEnded{}, Step::probation}};
    return rows;
  }

  // A process ends when there is one, a deadline passes when it runs, and what
  // the system was asked for is answered with that.
  bool may(const Event& event) const {
    const Step step = machine.step();
    if (std::get_if<event::SuccessorGone>(&event) ||
        std::get_if<event::ChannelLost>(&event)) {
      return rules.has_successor() && step != Step::launching;
    }
    if (const auto* expired = std::get_if<event::Expired>(&event)) {
      return rules.is_armed(expired->timer);
    }
    if (std::get_if<event::Launched>(&event)) return step == Step::launching;
    if (std::get_if<event::Recorded>(&event)) return step == Step::committing;
    return true;
  }
  void on(const Event& event) {
    rules.after(event, machine.on(event), machine);
  }

  Coordinator machine;
  CoordinatorRules rules;
};

struct SuccessorAlone {
  using Step = Successor::Step;
  using Event = SuccessorEvent;
  struct Row {
    const char* name;
    Event event;
    std::optional<Step> awaited_in{};
  };

  SuccessorAlone() { rules.begun(Successor::begin()); }

  static const std::vector<Row>& rows() {
    static const Error bad{errc::invalid_argument, "bad"};
    static const std::vector<Row> rows{
        {"welcomed", event::Welcomed{}, Step::greeting},
        {"all adopted", event::AllAdopted{}, Step::adopting},
        {"cannot adopt", event::CannotAdopt{bad}, {}},
        {"application ready", event::ApplicationReady{}, Step::initialising},
        {"turn", event::TurnReceived{}, Step::waiting},
        {"accepting", event::Accepting{}, Step::taking},
        {"give back", event::GiveBackReceived{}, {}},
        {"yielded", event::Yielded{}, Step::giving_back},
        {"commit", event::CommitReceived{}, Step::serving},
        {"incumbent gone", event::IncumbentGone{}, {}},
        {"channel closed", event::IncumbentLost{{errc::channel_lost, ""}}, {}},
        {"garbage", event::IncumbentLost{{errc::malformed_frame, ""}}, {}},
        {"expired", event::SuccessorExpired{}, {}},
        {"stop", event::SuccessorStopRequested{}, {}}};
    return rows;
  }

  bool may(const Event& event) const {
    return !std::get_if<event::SuccessorExpired>(&event) || rules.is_armed();
  }
  void on(const Event& event) {
    rules.after(event, machine.on(event), machine);
  }

  Successor machine;
  SuccessorRules rules;
};

template <typename Alone>
std::optional<std::string> fault_alone(const std::vector<std::size_t>& course) {
  Alone alone;
  for (const std::size_t row : course) {
    const auto& event = Alone::rows()[row].event;
    if (alone.may(event)) alone.on(event);
  }
  return alone.rules.broken();
}

// Half of the events take it further, or it would never come far.
template <typename Alone>
std::vector<std::size_t> course_alone(std::uint64_t seed) {
  Chance chance{seed};
  Alone alone;
  std::vector<std::size_t> course;
  for (int i = 0; i < 60; ++i) {
    std::size_t row = chance.below(Alone::rows().size());
    const bool further = chance.percent(60);
    for (std::size_t good = 0; further && good < Alone::rows().size(); ++good) {
      if (Alone::rows()[good].awaited_in == alone.machine.step()) row = good;
    }
    if (!alone.may(Alone::rows()[row].event)) continue;
    alone.on(Alone::rows()[row].event);
    course.push_back(row);
  }
  return course;
}

template <typename Alone>
void check_alone() {
  const Seeds seeds{10'000};
  for (auto seed = seeds.begin; seed < seeds.end; ++seed) {
    const auto course = course_alone<Alone>(seed);
    if (!fault_alone<Alone>(course)) continue;
    const auto shortest = shrink(course, [](const auto& part) {
      return fault_alone<Alone>(part).has_value();
    });
    std::string text = text::cat("broken: ", *fault_alone<Alone>(shortest),
                                 "\nRELAUNCH_PROPERTY_SEED=", seed, '\n');
    for (const auto row : shortest) {
      text += text::cat("  ", Alone::rows()[row].name, '\n');
    }
    FAIL() << text;
  }
}

TEST(Machines, TheCoordinatorKeepsItsRulesUnderAnyEvents) {
  check_alone<CoordinatorAlone>();
}

TEST(Machines, TheSuccessorKeepsItsRulesUnderAnyEvents) {
  check_alone<SuccessorAlone>();
}

}  // namespace
}  // namespace relaunch::upgrade
