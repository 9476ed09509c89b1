#include "common/upgrade/successor.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "machine_rules.hpp"

namespace relaunch::upgrade {
namespace {

using Step = Successor::Step;
using Wait = action::ArmSuccessor::Wait;

const event::IncumbentLost kClosed{{errc::channel_lost, ""}};
const event::IncumbentLost kGarbage{{errc::malformed_frame, "garbage"}};

Successor at(Step step, Successor machine = Successor{}) {
  const std::pair<Step, SuccessorEvent> good[] = {
      {Step::adopting, event::Welcomed{}},
      {Step::initialising, event::AllAdopted{}},
      {Step::waiting, event::ApplicationReady{}},
      {Step::taking, event::TurnReceived{}},
      {Step::serving, event::Accepting{}}};
  for (const auto& [reached, event] : good) {
    if (machine.step() == step) break;
    machine.on(event);
    EXPECT_EQ(machine.step(), reached);
  }
  if (step == Step::giving_back) machine.on(event::GiveBackReceived{});
  if (step == Step::committed) machine.on(event::CommitReceived{});
  EXPECT_EQ(machine.step(), step);
  return machine;
}

TEST(Successor, ServesOnlyAfterItHasTheTurnAndStaysAfterTheCommit) {
  Successor machine = at(Step::initialising);
  const auto ready = machine.on(event::ApplicationReady{});
  EXPECT_TRUE(has<action::SendReady>(ready));
  EXPECT_FALSE(has<action::TakeTurn>(ready));
  EXPECT_TRUE(has<action::TakeTurn>(machine.on(event::TurnReceived{})));
  EXPECT_TRUE(has<action::SendServing>(machine.on(event::Accepting{})));
  const auto stay = machine.on(event::CommitReceived{});
  ASSERT_TRUE(has<action::Stay>(stay));
  EXPECT_TRUE(find<action::Stay>(stay)->watch_incumbent);
  EXPECT_TRUE(has<action::SendCommitted>(stay));
}

TEST(Successor, AnApplicationMayBeReadyBeforeTheListenersAreHere) {
  Successor machine = at(Step::adopting);
  EXPECT_TRUE(machine.on(event::ApplicationReady{}).empty());
  EXPECT_TRUE(has<action::SendReady>(machine.on(event::AllAdopted{})));
  EXPECT_EQ(machine.step(), Step::waiting);
  Successor alone = at(Step::greeting);
  alone.on(event::ApplicationReady{});
  EXPECT_TRUE(has<action::TakeTurn>(alone.on(event::IncumbentGone{})));
}

TEST(Successor, ATurnBeforeItIsReadyIsNotTaken) {
  for (const Step step : {Step::greeting, Step::adopting, Step::initialising}) {
    Successor machine = at(step);
    EXPECT_TRUE(machine.on(event::TurnReceived{}).empty());
    EXPECT_EQ(machine.step(), step);
  }
}

TEST(Successor, SecondReadyAndSecondTurnAreIgnored) {
  Successor waiting = at(Step::waiting);
  EXPECT_TRUE(waiting.on(event::ApplicationReady{}).empty());
  Successor serving = at(Step::serving);
  EXPECT_TRUE(serving.on(event::TurnReceived{}).empty());
}

TEST(Successor, GivesTheTurnBackOnlyWhenItHasStoppedAccepting) {
  Successor machine = at(Step::serving);
  const auto asked = machine.on(event::GiveBackReceived{});
  EXPECT_TRUE(has<action::YieldTurn>(asked));
  EXPECT_FALSE(has<action::SendTurn>(asked));
  const auto yielded = machine.on(event::Yielded{});
  EXPECT_TRUE(has<action::SendTurn>(yielded));
  EXPECT_TRUE(has<action::LeaveAgain>(yielded));
  EXPECT_EQ(machine.step(), Step::left);
}

TEST(Successor, CanBeAskedForTheTurnWhileItIsTakingIt) {
  Successor machine = at(Step::taking);
  EXPECT_TRUE(has<action::YieldTurn>(machine.on(event::GiveBackReceived{})));
  EXPECT_TRUE(machine.on(event::Accepting{}).empty()) << "on_take came late";
  EXPECT_TRUE(has<action::SendTurn>(machine.on(event::Yielded{})));
}

TEST(Successor, OpensItsOwnListenersWhenTheIncumbentDiesBeforeItGaveThem) {
  for (const Step step : {Step::greeting, Step::adopting}) {
    Successor machine = at(step);
    EXPECT_TRUE(has<action::GoOnAlone>(machine.on(event::IncumbentGone{})));
    EXPECT_TRUE(has<action::TakeTurn>(machine.on(event::ApplicationReady{})));
    const auto stay = machine.on(event::Accepting{});
    EXPECT_TRUE(has<action::RecordAlone>(stay));
    EXPECT_FALSE(find<action::Stay>(stay)->watch_incumbent);
  }
}

TEST(Successor, FinishesPreparingAloneWhenTheIncumbentDies) {
  Successor machine = at(Step::initialising);
  EXPECT_FALSE(has<action::TakeTurn>(machine.on(event::IncumbentGone{})));
  const auto ready = machine.on(event::ApplicationReady{});
  EXPECT_TRUE(has<action::TakeTurn>(ready));
  EXPECT_FALSE(has<action::SendReady>(ready));
  EXPECT_TRUE(has<action::RecordAlone>(machine.on(event::Accepting{})));
  EXPECT_EQ(machine.step(), Step::committed);
}

TEST(Successor, TakesTheTurnItselfWhenTheIncumbentDiesBeforeTheSwitch) {
  Successor machine = at(Step::waiting);
  EXPECT_TRUE(has<action::TakeTurn>(machine.on(event::IncumbentGone{})));
}

TEST(Successor, CommitsNowWhenTheIncumbentDiesInTheSwitchOrInProbation) {
  Successor taking = at(Step::taking);
  taking.on(event::IncumbentGone{});
  EXPECT_TRUE(has<action::RecordAlone>(taking.on(event::Accepting{})));
  Successor serving = at(Step::serving);
  EXPECT_TRUE(has<action::RecordAlone>(serving.on(event::IncumbentGone{})));
  EXPECT_EQ(serving.step(), Step::committed);
}

TEST(Successor, TakesTheTurnAgainWhenTheIncumbentDiesWhileItGivesItBack) {
  Successor machine = at(Step::giving_back);
  machine.on(event::IncumbentGone{});
  const auto actions = machine.on(event::Yielded{});
  EXPECT_FALSE(has<action::SendTurn>(actions));
  EXPECT_TRUE(has<action::TakeTurn>(actions));
  EXPECT_TRUE(has<action::RecordAlone>(machine.on(event::Accepting{})));
}

TEST(Successor, WhoIsLeftAloneNeverGivesUpForALostChannel) {
  for (const Step step :
       {Step::initialising, Step::taking, Step::giving_back}) {
    Successor machine = at(step);
    machine.on(kClosed);
    const auto gone = machine.on(event::IncumbentGone{});
    ASSERT_TRUE(has<action::ArmSuccessor>(gone));
    EXPECT_NE(find<action::ArmSuccessor>(gone)->wait, Wait::lost);
    if (step == Step::initialising) continue;  // its own deadline still holds
    EXPECT_TRUE(machine.on(event::SuccessorExpired{}).empty());
    EXPECT_EQ(machine.step(), step);
  }
}

TEST(Successor, ALostChannelAloneIsNoDeath) {
  for (const Step step : {Step::initialising, Step::waiting, Step::serving}) {
    Successor machine = at(step);
    const auto actions = machine.on(kClosed);
    ASSERT_TRUE(has<action::ArmSuccessor>(actions));
    EXPECT_EQ(find<action::ArmSuccessor>(actions)->wait, Wait::lost);
    EXPECT_FALSE(has<action::TakeTurn>(actions));
    EXPECT_FALSE(has<action::RecordAlone>(actions));
    EXPECT_FALSE(machine.alone());
  }
}

TEST(Successor, StopsAcceptingWhenTheIncumbentLivesBehindALostChannel) {
  Successor machine = at(Step::serving);
  machine.on(kClosed);
  const auto actions = machine.on(event::SuccessorExpired{});
  EXPECT_TRUE(has<action::YieldTurn>(actions));
  EXPECT_TRUE(has<action::LeaveAgain>(actions));
  EXPECT_EQ(machine.step(), Step::left);
}

TEST(Successor, KeepsItsDeadlineWhenItBeginsToServeOnALostChannel) {
  Successor machine = at(Step::taking);
  machine.on(kClosed);
  EXPECT_FALSE(has<action::DisarmSuccessor>(machine.on(event::Accepting{})));
  EXPECT_TRUE(has<action::YieldTurn>(machine.on(event::SuccessorExpired{})));
}

TEST(Successor, AloneItHeedsNothingThatTheDeadHadSent) {
  for (const Step step : {Step::initialising, Step::taking}) {
    Successor machine = at(step);
    machine.on(event::IncumbentGone{});
    EXPECT_TRUE(machine.on(event::CannotAdopt{{errc::busy, ""}}).empty());
    EXPECT_TRUE(machine.on(kGarbage).empty());
    EXPECT_EQ(machine.step(), step);
  }
}

TEST(Successor, GivesUpAtEachDeadlineBeforeItServes) {
  const std::pair<Step, errc> rows[] = {
      {Step::greeting, errc::hello_timeout},
      {Step::adopting, errc::hello_timeout},
      {Step::initialising, errc::ready_timeout},
      {Step::waiting, errc::switch_timeout}};
  for (const auto& [step, code] : rows) {
    Successor machine = at(step);
    const auto actions = machine.on(event::SuccessorExpired{});
    ASSERT_TRUE(has<action::GiveUp>(actions));
    EXPECT_EQ(find<action::GiveUp>(actions)->error.code(), code);
    EXPECT_EQ(machine.step(), Step::left);
  }
}

TEST(Successor, GivesUpWhatItCannotUse) {
  for (const Step step : {Step::greeting, Step::adopting, Step::initialising}) {
    Successor refused = at(step);
    EXPECT_TRUE(has<action::GiveUp>(
        refused.on(event::CannotAdopt{{errc::handover_refused, "no"}})));
    Successor garbage = at(step);
    EXPECT_TRUE(has<action::GiveUp>(garbage.on(kGarbage)));
  }
}

TEST(Successor, PassesAStopToItsIncumbentBeforeTheCommit) {
  for (const Step step : {Step::initialising, Step::waiting, Step::serving}) {
    Successor machine = at(step);
    EXPECT_TRUE(
        has<action::ForwardStop>(machine.on(event::SuccessorStopRequested{})));
    EXPECT_EQ(machine.step(), step);
  }
}

TEST(Successor, LeavesIfTheIncumbentDiesBeforeItHeedsAStop) {
  for (const Step step :
       {Step::greeting, Step::initialising, Step::waiting, Step::serving}) {
    Successor machine = at(step);
    machine.on(event::SuccessorStopRequested{});
    const auto actions = machine.on(event::IncumbentGone{});
    EXPECT_TRUE(has<action::LeaveAgain>(actions));
    EXPECT_FALSE(has<action::TakeTurn>(actions));
    EXPECT_EQ(machine.step(), Step::left);
  }
}

TEST(Successor, StopsByItselfWhenItIsAlone) {
  Successor machine = at(Step::initialising);
  machine.on(event::IncumbentGone{});
  EXPECT_TRUE(
      has<action::LeaveAgain>(machine.on(event::SuccessorStopRequested{})));
}

TEST(Successor, AfterTheCommitNothingTouchesIt) {
  Successor machine = at(Step::committed);
  EXPECT_TRUE(machine.on(event::IncumbentGone{}).empty());
  EXPECT_TRUE(machine.on(kClosed).empty());
  EXPECT_TRUE(machine.on(event::GiveBackReceived{}).empty());
  EXPECT_TRUE(machine.on(event::SuccessorExpired{}).empty());
}

// under a supervisor ---------------------------------------------------------

Successor supervised_at(Step step) {
  if (step < Step::pausing) return at(step, Successor{true});
  Successor machine = at(Step::committed, Successor{true});
  EXPECT_TRUE(has<action::YieldTurn>(machine.on(event::PauseReceived{})));
  if (step == Step::paused) {
    EXPECT_TRUE(has<action::SendTurn>(machine.on(event::Yielded{})));
  }
  EXPECT_EQ(machine.step(), step);
  return machine;
}

TEST(SupervisedSuccessor, WithoutTheTurnItIsNotNeededWhenTheSupervisorEnds) {
  for (const Step step :
       {Step::greeting, Step::adopting, Step::initialising, Step::waiting}) {
    Successor machine = supervised_at(step);
    const auto actions = machine.on(event::IncumbentGone{});
    EXPECT_TRUE(has<action::GiveUp>(actions));
    EXPECT_FALSE(has<action::TakeTurn>(actions));
    EXPECT_FALSE(has<action::GoOnAlone>(actions));
    EXPECT_EQ(machine.step(), Step::left);
  }
}

TEST(SupervisedSuccessor, WithTheTurnItServesOnAndLooksForASupervisor) {
  for (const Step step : {Step::taking, Step::serving, Step::committed}) {
    Successor machine = supervised_at(step);
    EXPECT_TRUE(has<action::Rejoin>(machine.on(event::IncumbentGone{})));
    EXPECT_EQ(machine.step(), step);
    EXPECT_TRUE(machine.has_turn());
    EXPECT_TRUE(machine.on(event::SuccessorExpired{}).empty());
    EXPECT_EQ(machine.step(), step);
  }
}

TEST(SupervisedSuccessor, LooksOnceHoweverOftenItHearsOfTheEnd) {
  Successor machine = supervised_at(Step::committed);
  EXPECT_TRUE(has<action::Rejoin>(machine.on(kClosed)));
  EXPECT_FALSE(has<action::Rejoin>(machine.on(event::IncumbentGone{})));
  machine.on(event::Rejoined{});
  EXPECT_TRUE(has<action::Rejoin>(machine.on(kClosed)));
}

TEST(SupervisedSuccessor, StaysAfterTheCommitAndWatchesNobody) {
  Successor machine = supervised_at(Step::serving);
  const auto actions = machine.on(event::CommitReceived{});
  ASSERT_TRUE(has<action::Stay>(actions));
  EXPECT_FALSE(find<action::Stay>(actions)->watch_incumbent);
}

TEST(SupervisedSuccessor, PausedItTakesTheTurnWhenItIsGivenBack) {
  Successor machine = supervised_at(Step::paused);
  EXPECT_TRUE(has<action::TakeTurn>(machine.on(event::TurnReceived{})));
  EXPECT_EQ(machine.step(), Step::committed);
}

TEST(SupervisedSuccessor, PausedItWatchesTheNextOneWhenTheSupervisorEnds) {
  Successor machine = supervised_at(Step::paused);
  const auto actions = machine.on(event::IncumbentGone{});
  EXPECT_TRUE(has<action::WatchNext>(actions));
  EXPECT_FALSE(has<action::TakeTurn>(actions));
  EXPECT_TRUE(has<action::TakeTurn>(machine.on(event::NextGone{})));
}

TEST(SupervisedSuccessor, PausingItKeepsTheTurnWhenTheSupervisorEnds) {
  Successor machine = supervised_at(Step::pausing);
  machine.on(event::IncumbentGone{});
  const auto actions = machine.on(event::Yielded{});
  EXPECT_TRUE(has<action::TakeTurn>(actions));
  EXPECT_FALSE(has<action::SendTurn>(actions));
}

TEST(SupervisedSuccessor, LeavesWhenItIsToldAndNotBefore) {
  for (const Step step : {Step::committed, Step::pausing, Step::paused}) {
    Successor machine = supervised_at(step);
    EXPECT_TRUE(has<action::LeaveForGood>(machine.on(event::DrainReceived{})));
    EXPECT_EQ(machine.step(), Step::left);
  }
}

TEST(SupervisedSuccessor, PassesAStopOnAsLongAsSomebodyHearsIt) {
  Successor heard = supervised_at(Step::committed);
  EXPECT_TRUE(
      has<action::ForwardStop>(heard.on(event::SuccessorStopRequested{})));
  Successor orphan = supervised_at(Step::committed);
  orphan.on(event::IncumbentGone{});
  EXPECT_TRUE(
      has<action::LeaveForGood>(orphan.on(event::SuccessorStopRequested{})));
}

}  // namespace
}  // namespace relaunch::upgrade
