#include "common/upgrade/coordinator.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>

#include "machine_rules.hpp"

namespace relaunch::upgrade {
namespace {

using Step = Coordinator::Step;
using Result = Outcome::Result;

template <typename First, typename Second>
bool in_order(const CoordinatorActions& actions) {
  const auto is_first = [](const auto& action) {
    return std::holds_alternative<First>(action);
  };
  const auto is_second = [](const auto& action) {
    return std::holds_alternative<Second>(action);
  };
  const auto first = std::find_if(actions.begin(), actions.end(), is_first);
  return std::find_if(first, actions.end(), is_second) != actions.end();
}
bool arms(const CoordinatorActions& actions, Timer timer, Wait wait) {
  return std::any_of(actions.begin(), actions.end(), [&](const auto& action) {
    const auto* arm = std::get_if<action::Arm>(&action);
    return arm && arm->timer == timer && arm->wait == wait;
  });
}

const event::SuccessorGone kCrashed{"signal 11"};
const event::ChannelLost kClosed{{errc::channel_lost, ""}};
const event::ChannelLost kGarbage{{errc::malformed_frame, "garbage"}};
const event::Expired kStepOver{Timer::step};
const event::Expired kHealthOver{Timer::health};
const event::Expired kLostOver{Timer::lost};

/// The events of an upgrade that goes well, up to the given step.
Coordinator at(Step step) {
  Coordinator machine;
  const std::vector<std::pair<Step, CoordinatorEvent>> good{
      {Step::building, event::Requested{}},
      {Step::staging, event::Built{}},
      {Step::launching, event::Staged{}},
      {Step::greeting, event::Launched{}},
      {Step::adopting, event::HelloReceived{}},
      {Step::preparing, event::Adopted{}},
      {Step::checking, event::SuccessorReady{}},
      {Step::pausing, event::HealthAnswered{true}},
      {Step::switching, event::Paused{}},
      {Step::probation, event::SuccessorServing{}},
      {Step::committing, event::ProbationEnded{}},
      {Step::confirming, event::Recorded{}},
      {Step::leaving, event::CommitAcknowledged{}}};
  for (const auto& [reached, event] : good) {
    if (machine.step() == step) break;
    machine.on(event);
    EXPECT_EQ(machine.step(), reached);
  }
  EXPECT_EQ(machine.step(), step);
  return machine;
}

/// That of a supervisor, which is to get its way.
Coordinator forced_to_pause() {
  Coordinator machine{Coordinator::AfterCommit::stays};
  machine.on(event::Requested{event::From::launch, false, true});
  for (const CoordinatorEvent& event : std::vector<CoordinatorEvent>{
           event::Launched{}, event::HelloReceived{}, event::Adopted{},
           event::SuccessorReady{}, event::HealthAnswered{true}}) {
    machine.on(event);
  }
  EXPECT_EQ(machine.step(), Step::pausing);
  return machine;
}

void expect_the_next_upgrade_works(Coordinator& machine) {
  EXPECT_EQ(machine.step(), Step::idle);
  EXPECT_TRUE(machine.holds_turn());
  EXPECT_TRUE(has<action::StartBuild>(machine.on(event::Requested{})));
  EXPECT_FALSE(machine.failure());
}

constexpr Step kWithSuccessor[] = {
    Step::greeting, Step::adopting,  Step::preparing, Step::checking,
    Step::pausing,  Step::switching, Step::probation};
constexpr Step kBeforeTurn[] = {Step::greeting, Step::adopting, Step::preparing,
                                Step::checking, Step::pausing};

TEST(Coordinator, GoesThroughAllPhasesInTheirOrder) {
  Coordinator machine;
  EXPECT_TRUE(has<action::StartBuild>(machine.on(event::Requested{})));
  EXPECT_TRUE(has<action::Stage>(machine.on(event::Built{})));
  EXPECT_TRUE(has<action::Launch>(machine.on(event::Staged{})));
  EXPECT_TRUE(arms(machine.on(event::Launched{}), Timer::step, Wait::hello));
  EXPECT_TRUE(has<action::Welcome>(machine.on(event::HelloReceived{})));
  EXPECT_TRUE(arms(machine.on(event::Adopted{}), Timer::step, Wait::ready));
  EXPECT_TRUE(has<action::AskHealth>(machine.on(event::SuccessorReady{})));
  EXPECT_TRUE(
      has<action::PauseAccepting>(machine.on(event::HealthAnswered{true})));
  EXPECT_TRUE(machine.holds_turn());
  EXPECT_TRUE(has<action::GiveTurn>(machine.on(event::Paused{})));
  EXPECT_FALSE(machine.holds_turn());
  EXPECT_TRUE(has<action::AskHealth>(machine.on(event::SuccessorServing{})));
  EXPECT_EQ(machine.phase(), Phase::probation);
  machine.on(event::HealthAnswered{true});
  EXPECT_TRUE(has<action::AskHealth>(machine.on(kStepOver)));
  EXPECT_TRUE(has<action::Record>(machine.on(event::HealthAnswered{true})));
  EXPECT_TRUE(has<action::Commit>(machine.on(event::Recorded{})));
  EXPECT_EQ(machine.phase(), Phase::commit);
  EXPECT_TRUE(
      has<action::AnswerAndSucceed>(machine.on(event::CommitAcknowledged{})));
  EXPECT_EQ(machine.phase(), Phase::drain);
}

TEST(Coordinator, WithoutABuildStagesAtOnce) {
  Coordinator machine;
  EXPECT_TRUE(
      has<action::Stage>(machine.on(event::Requested{event::From::stage})));
  EXPECT_EQ(machine.step(), Step::staging);
}

TEST(Coordinator, EndsWhereTheBuildFails) {
  Coordinator machine = at(Step::building);
  const auto actions =
      machine.on(event::Built{Error{errc::build_failed, "exit code 2"}});
  EXPECT_EQ(find<action::Finish>(actions)->result, Result::failed);
  EXPECT_EQ(machine.failure()->phase, Phase::build);
  EXPECT_FALSE(machine.failure()->blames_release);
  expect_the_next_upgrade_works(machine);
}

TEST(Coordinator, CancelsABuildAtItsDeadlineAndWaitsForItsEnd) {
  Coordinator machine = at(Step::building);
  const auto actions = machine.on(kStepOver);
  EXPECT_TRUE(has<action::CancelBuild>(actions));
  EXPECT_TRUE(arms(actions, Timer::step, Wait::kill));
  const auto ended = machine.on(event::Built{Error{errc::stopped, "killed"}});
  EXPECT_TRUE(has<action::Finish>(ended));
  EXPECT_EQ(machine.failure()->error.code(), errc::build_timeout);
  expect_the_next_upgrade_works(machine);
}

TEST(Coordinator, DoesNotWaitForEverForACancelledBuildOrStaging) {
  for (const Step step : {Step::building, Step::staging}) {
    Coordinator machine = at(step);
    machine.on(event::AbortRequested{});
    EXPECT_TRUE(has<action::Finish>(machine.on(kStepOver)));
    expect_the_next_upgrade_works(machine);
  }
}

TEST(Coordinator, ABuildThatSucceedsWhileItIsCancelledIsNotStaged) {
  Coordinator machine = at(Step::building);
  machine.on(event::AbortRequested{});
  const auto actions = machine.on(event::Built{});
  EXPECT_FALSE(has<action::Stage>(actions));
  EXPECT_TRUE(has<action::Finish>(actions));
}

TEST(Coordinator, AnUnchangedBuildIsNothingToDo) {
  Coordinator machine = at(Step::staging);
  const auto actions = machine.on(event::Staged{true, {}});
  EXPECT_EQ(find<action::Finish>(actions)->result, Result::nothing_to_do);
  EXPECT_FALSE(has<action::Launch>(actions));
  EXPECT_TRUE(has<action::Disarm>(actions)) << "nothing wakes up for it";
  expect_the_next_upgrade_works(machine);
}

TEST(Coordinator, EndsWhereStagingOrLaunchingFails) {
  Coordinator staging = at(Step::staging);
  staging.on(event::Staged{false, Error{errc::artifact_missing, ""}});
  EXPECT_EQ(staging.failure()->phase, Phase::stage);
  expect_the_next_upgrade_works(staging);
  Coordinator launching = at(Step::launching);
  launching.on(event::Launched{Error{errc::busy, "no room"}});
  EXPECT_EQ(launching.failure()->phase, Phase::launch);
  expect_the_next_upgrade_works(launching);
}

TEST(Coordinator, IncumbentIsUntouchedWhenTheSuccessorDiesBeforeTheSwitch) {
  for (const Step step :
       {Step::greeting, Step::adopting, Step::preparing, Step::checking}) {
    Coordinator machine = at(step);
    const auto actions = machine.on(kCrashed);
    EXPECT_EQ(find<action::Finish>(actions)->result, Result::failed);
    EXPECT_FALSE(has<action::ResumeAccepting>(actions));
    EXPECT_TRUE(machine.failure()->blames_release);
    EXPECT_NE(machine.failure()->error.text().find("signal 11"),
              std::string::npos);
    expect_the_next_upgrade_works(machine);
  }
}

TEST(Coordinator, IncumbentAcceptsAgainWhenTheSuccessorDiesInThePause) {
  Coordinator machine = at(Step::pausing);
  const auto actions = machine.on(kCrashed);
  EXPECT_TRUE((in_order<action::ResumeAccepting, action::Finish>(actions)));
  expect_the_next_upgrade_works(machine);
}

TEST(Coordinator, IncumbentTakesTheTurnBackWhenTheSuccessorDiesInTheSwitch) {
  Coordinator machine = at(Step::switching);
  const auto actions = machine.on(kCrashed);
  EXPECT_TRUE((in_order<action::ResumeAccepting, action::Finish>(actions)));
  EXPECT_EQ(find<action::Finish>(actions)->result, Result::rolled_back);
  expect_the_next_upgrade_works(machine);
}

TEST(Coordinator, RollsBackWhenTheSuccessorDiesInProbation) {
  Coordinator machine = at(Step::probation);
  const auto actions = machine.on(kCrashed);
  EXPECT_TRUE((in_order<action::ResumeAccepting, action::Finish>(actions)));
  EXPECT_EQ(find<action::Finish>(actions)->result, Result::rolled_back);
  EXPECT_FALSE(has<action::Record>(actions));
  expect_the_next_upgrade_works(machine);
}

TEST(Coordinator, KillsASuccessorThatHangsAndAwaitsItsEnd) {
  for (const Step step : kBeforeTurn) {
    Coordinator machine = at(step);
    const auto actions = machine.on(kStepOver);
    EXPECT_TRUE(has<action::KillSuccessor>(actions));
    EXPECT_FALSE(has<action::Finish>(actions));
    EXPECT_EQ(machine.step(), Step::ending);
    const Phase blamed = machine.failure()->phase;
    EXPECT_EQ(machine.phase(), blamed);
    EXPECT_TRUE(has<action::Finish>(machine.on(kCrashed)));
    EXPECT_EQ(machine.failure()->phase, blamed) << "the first reason stays";
    expect_the_next_upgrade_works(machine);
  }
}

TEST(Coordinator, SaysWhichDeadlinePassed) {
  const std::pair<Step, errc> rows[] = {
      {Step::greeting, errc::hello_timeout},
      {Step::adopting, errc::hello_timeout},
      {Step::preparing, errc::ready_timeout},
      {Step::checking, errc::unhealthy},
      {Step::pausing, errc::switch_timeout},
      {Step::switching, errc::switch_timeout}};
  for (const auto& [step, code] : rows) {
    Coordinator machine = at(step);
    machine.on(kStepOver);
    EXPECT_EQ(machine.failure()->error.code(), code);
  }
}

TEST(Coordinator, NeverResumesWhileAHangingSuccessorMayHaveTheTurn) {
  Coordinator machine = at(Step::switching);
  const auto killed = machine.on(kStepOver);
  EXPECT_TRUE(has<action::KillSuccessor>(killed));
  EXPECT_FALSE(has<action::ResumeAccepting>(killed));
  EXPECT_FALSE(machine.holds_turn());
  EXPECT_TRUE(has<action::ResumeAccepting>(machine.on(kCrashed)));
  expect_the_next_upgrade_works(machine);
}

TEST(Coordinator, GoesOnWhenAKilledSuccessorIsNotSeenToEnd) {
  for (const Step step : kWithSuccessor) {
    Coordinator machine = at(step);
    machine.on(kGarbage);
    ASSERT_EQ(machine.step(), Step::ending);
    const bool had_turn = machine.holds_turn();
    const auto actions = machine.on(kStepOver);
    EXPECT_TRUE(has<action::WatchSuccessorLeave>(actions));
    EXPECT_EQ(has<action::ResumeAccepting>(actions), !had_turn);
    expect_the_next_upgrade_works(machine);
  }
}

TEST(Coordinator, ResumesAPauseThatTakesTooLong) {
  Coordinator machine = at(Step::pausing);
  const auto actions = machine.on(kStepOver);
  EXPECT_TRUE(has<action::ResumeAccepting>(actions));
  EXPECT_TRUE(has<action::KillSuccessor>(actions));
  EXPECT_FALSE(machine.failure()->blames_release) << "it is this one's fault";
}

TEST(Coordinator, ForcedItEndsAnIncumbentThatDoesNotPauseAndGivesTheTurn) {
  Coordinator machine = forced_to_pause();
  const auto actions = machine.on(kStepOver);
  EXPECT_TRUE(has<action::EndIncumbent>(actions));
  EXPECT_FALSE(has<action::KillSuccessor>(actions));
  machine.on(event::IncumbentEnded{"signal 9 (Killed)"});
  EXPECT_TRUE(has<action::GiveTurn>(machine.on(event::Paused{})));
  EXPECT_TRUE(has<action::Record>(machine.on(event::SuccessorServing{})))
      << "there is nobody to go back to";
}

TEST(Coordinator, AnIncumbentThatCannotBeEndedEndsAForcedUpgrade) {
  Coordinator machine = forced_to_pause();
  machine.on(kStepOver);
  EXPECT_TRUE(has<action::KillSuccessor>(machine.on(kStepOver)));
}

TEST(Coordinator, APauseThatFinishesTooLateGivesNoTurn) {
  Coordinator machine = at(Step::pausing);
  machine.on(kStepOver);
  EXPECT_TRUE(machine.on(event::Paused{}).empty());
  EXPECT_TRUE(machine.holds_turn());
}

TEST(Coordinator, GivesNoTurnThatCannotArrive) {
  Coordinator machine = at(Step::pausing);
  machine.on(kClosed);
  const auto actions = machine.on(event::Paused{});
  EXPECT_FALSE(has<action::GiveTurn>(actions));
  EXPECT_TRUE(has<action::ResumeAccepting>(actions));
  EXPECT_TRUE(has<action::KillSuccessor>(actions));
  EXPECT_EQ(find<action::Finish>(machine.on(kCrashed))->result, Result::failed);
  expect_the_next_upgrade_works(machine);
}

TEST(Coordinator, AsksAnUnhealthySuccessorForTheTurnBeforeItEndsIt) {
  Coordinator machine = at(Step::probation);
  const auto asked = machine.on(event::HealthAnswered{false});
  EXPECT_TRUE(has<action::TakeTurnBack>(asked));
  EXPECT_FALSE(has<action::KillSuccessor>(asked));
  EXPECT_FALSE(has<action::ResumeAccepting>(asked));
  const auto back = machine.on(event::TurnReturned{});
  EXPECT_TRUE((in_order<action::ResumeAccepting, action::Finish>(back)));
  EXPECT_TRUE(has<action::WatchSuccessorLeave>(back)) << "it drains";
  EXPECT_EQ(find<action::Finish>(back)->result, Result::rolled_back);
  expect_the_next_upgrade_works(machine);
}

TEST(Coordinator, AStuckApplicationInProbationIsUnhealthyThenKilled) {
  Coordinator machine = at(Step::probation);
  EXPECT_TRUE(has<action::TakeTurnBack>(machine.on(kHealthOver)));
  const auto killed = machine.on(kStepOver);
  EXPECT_TRUE(has<action::KillSuccessor>(killed));
  EXPECT_FALSE(machine.holds_turn());
  EXPECT_TRUE(has<action::ResumeAccepting>(machine.on(kCrashed)));
  EXPECT_EQ(machine.failure()->error.code(), errc::unhealthy);
}

TEST(Coordinator, ADyingSuccessorGivesTheTurnBackByDying) {
  Coordinator machine = at(Step::probation);
  machine.on(event::HealthAnswered{false});
  const auto actions = machine.on(kCrashed);
  EXPECT_TRUE(has<action::ResumeAccepting>(actions));
  expect_the_next_upgrade_works(machine);
}

TEST(Coordinator, KillsASuccessorThatLosesItsChannelWhileItHasTheTurn) {
  for (const Step step : {Step::switching, Step::probation}) {
    Coordinator machine = at(step);
    EXPECT_TRUE(arms(machine.on(kClosed), Timer::lost, Wait::lost));
    EXPECT_TRUE(has<action::KillSuccessor>(machine.on(kLostOver)));
    EXPECT_FALSE(machine.holds_turn());
    EXPECT_TRUE(has<action::ResumeAccepting>(machine.on(kCrashed)));
  }
}

TEST(Coordinator, AChannelLostWhileTakingBackMeansKill) {
  Coordinator machine = at(Step::probation);
  machine.on(event::HealthAnswered{false});
  EXPECT_TRUE(has<action::KillSuccessor>(machine.on(kClosed)));
}

TEST(Coordinator, TellsTheExitStatusRatherThanTheLostChannel) {
  for (const Step step : kWithSuccessor) {
    Coordinator machine = at(step);
    machine.on(kClosed);
    machine.on(kCrashed);
    EXPECT_EQ(machine.failure()->error.code(), errc::successor_exited);
    expect_the_next_upgrade_works(machine);
  }
}

TEST(Coordinator, EndsASuccessorThatBreaksTheProtocolAtOnce) {
  for (const Step step : kWithSuccessor) {
    Coordinator machine = at(step);
    EXPECT_TRUE(has<action::KillSuccessor>(machine.on(kGarbage)));
    EXPECT_EQ(machine.failure()->error.code(), errc::malformed_frame);
  }
}

TEST(Coordinator, ReportsWhatTheSuccessorSaysOfItsFailure) {
  Coordinator machine = at(Step::preparing);
  machine.on(event::SuccessorFailed{{errc::handover_refused, "no memory"}});
  machine.on(kCrashed);
  EXPECT_NE(machine.failure()->error.text().find("no memory"),
            std::string::npos);
}

constexpr Step kBeforeTheSwitch[] = {Step::greeting, Step::adopting,
                                     Step::preparing, Step::checking};

TEST(Coordinator, LeavesASuccessorThatGivesUpTheTimeToEndByItself) {
  const event::SuccessorFailed gives_up{
      {errc::handover_refused, "no memory"}, true, true};
  for (const Step step : kBeforeTheSwitch) {
    Coordinator machine = at(step);
    EXPECT_FALSE(has<action::KillSuccessor>(machine.on(gives_up)));
    // What else it says is of no interest any more.
    EXPECT_TRUE(machine.on(event::SuccessorReady{}).empty());
    const auto ended = machine.on(kCrashed);
    ASSERT_TRUE(has<action::Finish>(ended));
    EXPECT_EQ(find<action::Finish>(ended)->result, Result::failed);
    EXPECT_TRUE(machine.failure()->blames_release);
    EXPECT_NE(machine.failure()->error.text().find("no memory"),
              std::string::npos);
    expect_the_next_upgrade_works(machine);
  }
}

TEST(Coordinator, KillsASuccessorThatGivesUpAndDoesNotEnd) {
  const event::SuccessorFailed gives_up{
      {errc::handover_refused, "no memory"}, true, true};
  // Nor is it waited for when somebody wants to go on.
  const CoordinatorEvent ends[] = {
      event::Expired{Timer::step}, event::AbortRequested{},
      event::StopRequested{}, event::IncumbentEnded{"signal 9"}};
  for (const Step step : kBeforeTheSwitch) {
    for (const auto& end : ends) {
      Coordinator machine = at(step);
      machine.on(gives_up);
      EXPECT_TRUE(has<action::KillSuccessor>(machine.on(end)));
      EXPECT_EQ(machine.step(), Step::ending);
      EXPECT_TRUE(has<action::Finish>(machine.on(kCrashed)));
    }
  }
  // From there on nobody would accept meanwhile.
  for (const Step step : {Step::pausing, Step::switching, Step::probation}) {
    Coordinator machine = at(step);
    const auto actions = machine.on(gives_up);
    EXPECT_TRUE(has<action::KillSuccessor>(actions) ||
                has<action::TakeTurnBack>(actions));
  }
}

TEST(Coordinator, UnhealthyBeforeTheSwitchCostsNothing) {
  Coordinator machine = at(Step::checking);
  const auto actions = machine.on(event::HealthAnswered{false});
  EXPECT_TRUE(has<action::KillSuccessor>(actions));
  EXPECT_FALSE(has<action::PauseAccepting>(actions));
  EXPECT_EQ(machine.failure()->phase, Phase::prepare);
}

TEST(Coordinator, ASecondRequestIsBusyAndTheFirstGoesOn) {
  for (int step = static_cast<int>(Step::building);
       step < static_cast<int>(Step::leaving); ++step) {
    const auto reached = static_cast<Step>(step);
    if (reached == Step::taking_back || reached == Step::giving_up ||
        reached == Step::ending) {
      continue;
    }
    Coordinator machine = at(reached);
    const auto actions = machine.on(event::Requested{});
    ASSERT_EQ(actions.size(), 1u);
    EXPECT_EQ(find<action::RefuseRequest>(actions)->why, errc::busy);
    EXPECT_EQ(machine.step(), reached);
  }
}

TEST(Coordinator, AGenerationThatLeavesTakesNoRequests) {
  Coordinator machine = at(Step::leaving);
  const auto actions = machine.on(event::Requested{});
  EXPECT_EQ(find<action::RefuseRequest>(actions)->why, errc::stopped);
}

TEST(Coordinator, AStopAbandonsTheUpgradeFirst) {
  for (const Step step : kBeforeTurn) {
    Coordinator machine = at(step);
    const auto stopped = machine.on(event::StopRequested{});
    EXPECT_TRUE(has<action::KillSuccessor>(stopped));
    EXPECT_FALSE(has<action::Leave>(stopped));
    const auto ended = machine.on(kCrashed);
    EXPECT_TRUE((in_order<action::Finish, action::Leave>(ended)));
    EXPECT_EQ(machine.step(), Step::leaving);
    EXPECT_FALSE(machine.failure()->blames_release);
  }
}

TEST(Coordinator, AStopInProbationTakesTheTurnBackFirst) {
  Coordinator machine = at(Step::probation);
  EXPECT_TRUE(has<action::TakeTurnBack>(machine.on(event::StopRequested{})));
  const auto back = machine.on(event::TurnReturned{});
  EXPECT_TRUE((in_order<action::Finish, action::Leave>(back)));
}

TEST(Coordinator, AStopInTheBuildCancelsItThenLeaves) {
  Coordinator machine = at(Step::building);
  EXPECT_TRUE(has<action::CancelBuild>(machine.on(event::StopRequested{})));
  EXPECT_TRUE(
      has<action::Leave>(machine.on(event::Built{Error{errc::stopped, ""}})));
}

TEST(Coordinator, AStopWhenIdleLeaves) {
  Coordinator machine;
  EXPECT_TRUE(has<action::Leave>(machine.on(event::StopRequested{})));
}

TEST(Coordinator, AnAbortWhenIdleDoesNothing) {
  Coordinator machine;
  EXPECT_TRUE(machine.on(event::AbortRequested{}).empty());
  EXPECT_EQ(machine.step(), Step::idle);
}

TEST(Coordinator, RollsBackWhenTheRecordCannotBeMadeDurable) {
  Coordinator machine = at(Step::committing);
  const auto actions = machine.on(event::Recorded{
      Error{std::make_error_code(std::errc::no_space_on_device), "record"}});
  EXPECT_TRUE(has<action::TakeTurnBack>(actions));
  EXPECT_FALSE(has<action::Commit>(actions));
  EXPECT_EQ(machine.step(), Step::taking_back);
  machine.on(event::TurnReturned{});
  EXPECT_EQ(machine.failure()->phase, Phase::commit);
  EXPECT_FALSE(machine.failure()->blames_release);
}

TEST(Coordinator, CommitIsToldOnlyAfterTheRecord) {
  Coordinator machine = at(Step::probation);
  const auto record = machine.on(event::ProbationEnded{});
  EXPECT_TRUE(has<action::Record>(record));
  EXPECT_FALSE(has<action::Commit>(record));
}

TEST(Coordinator, ServesOnWhenTheSuccessorDiesWhileTheRecordIsWritten) {
  Coordinator machine = at(Step::committing);
  machine.on(kCrashed);
  const auto actions = machine.on(event::Recorded{});
  EXPECT_TRUE(has<action::RestoreRecord>(actions));
  EXPECT_TRUE(has<action::ResumeAccepting>(actions));
  EXPECT_FALSE(has<action::Commit>(actions));
  expect_the_next_upgrade_works(machine);
}

TEST(Coordinator, ServesOnWhenTheSuccessorIsLostWhileTheRecordIsWritten) {
  const event::SuccessorFailed gives_up{{errc::handover_refused, ""}};
  for (const CoordinatorEvent& news :
       {CoordinatorEvent{kClosed}, CoordinatorEvent{gives_up}}) {
    Coordinator machine = at(Step::committing);
    machine.on(news);
    const auto actions = machine.on(event::Recorded{});
    EXPECT_FALSE(has<action::Commit>(actions));
    EXPECT_TRUE(has<action::KillSuccessor>(actions));
    const auto ended = machine.on(kCrashed);
    EXPECT_TRUE(has<action::RestoreRecord>(ended));
    EXPECT_TRUE(has<action::ResumeAccepting>(ended));
    expect_the_next_upgrade_works(machine);
  }
}

TEST(Coordinator, ServesOnWhenTheSuccessorGivesUpBeforeItHasTakenOver) {
  Coordinator machine = at(Step::confirming);
  const auto actions =
      machine.on(event::SuccessorFailed{{errc::handover_refused, ""}});
  EXPECT_TRUE(has<action::KillSuccessor>(actions));
  EXPECT_TRUE(has<action::RestoreRecord>(machine.on(kCrashed)));
  expect_the_next_upgrade_works(machine);
}

TEST(Coordinator, AnAbortInTheBuildOrTheStagingCancelsIt) {
  Coordinator building = at(Step::building);
  EXPECT_TRUE(has<action::CancelBuild>(building.on(event::AbortRequested{})));
  Coordinator staging = at(Step::staging);
  EXPECT_TRUE(has<action::CancelStage>(staging.on(event::AbortRequested{})));
  EXPECT_TRUE(has<action::Finish>(staging.on(event::Staged{})));
  expect_the_next_upgrade_works(staging);
}

TEST(Coordinator, AnAbortEndsTheUpgradeUntilTheCommit) {
  for (const Step step : kBeforeTurn) {
    Coordinator machine = at(step);
    EXPECT_TRUE(
        has<action::KillSuccessor>(machine.on(event::AbortRequested{})));
    machine.on(kCrashed);
    EXPECT_FALSE(machine.failure()->blames_release);
    expect_the_next_upgrade_works(machine);
  }
  Coordinator probation = at(Step::probation);
  EXPECT_TRUE(has<action::TakeTurnBack>(probation.on(event::AbortRequested{})));
  for (const Step step : {Step::committing, Step::confirming}) {
    Coordinator machine = at(step);
    EXPECT_TRUE(machine.on(event::AbortRequested{}).empty()) << "too late";
    EXPECT_EQ(machine.step(), step);
  }
}

TEST(Coordinator, AStopInTheStagingOrTheLaunchEndsItThenLeaves) {
  Coordinator staging = at(Step::staging);
  EXPECT_TRUE(has<action::CancelStage>(staging.on(event::StopRequested{})));
  EXPECT_TRUE(has<action::Leave>(staging.on(event::Staged{})));
  Coordinator launching = at(Step::launching);
  EXPECT_TRUE(launching.on(event::StopRequested{}).empty());
  EXPECT_TRUE(has<action::KillSuccessor>(launching.on(event::Launched{})));
  EXPECT_TRUE(has<action::Leave>(launching.on(kCrashed)));
}

TEST(Coordinator, AStopAtTheCommitLeavesItToTheSuccessor) {
  for (const Step step : {Step::committing, Step::confirming}) {
    Coordinator machine = at(step);
    EXPECT_TRUE(machine.on(event::StopRequested{}).empty());
    if (step == Step::committing) machine.on(event::Recorded{});
    EXPECT_TRUE(
        has<action::AnswerAndSucceed>(machine.on(event::CommitAcknowledged{})));
    EXPECT_EQ(machine.step(), Step::leaving);
  }
}

TEST(Coordinator, AnswersOnlyWhenTheSuccessorHasTakenOver) {
  Coordinator machine = at(Step::committing);
  const auto told = machine.on(event::Recorded{});
  EXPECT_FALSE(has<action::AnswerAndSucceed>(told));
  EXPECT_TRUE(arms(told, Timer::step, Wait::turn));
  EXPECT_TRUE(
      has<action::AnswerAndSucceed>(machine.on(event::CommitAcknowledged{})));
}

TEST(Coordinator, TheCommitStandsIfTheSuccessorDoesNotAcknowledgeIt) {
  Coordinator machine = at(Step::confirming);
  EXPECT_TRUE(has<action::AnswerAndSucceed>(machine.on(kStepOver)));
  EXPECT_EQ(machine.step(), Step::leaving);
}

TEST(Coordinator, ServesOnWhenTheSuccessorCannotBeToldOfTheCommit) {
  Coordinator machine = at(Step::confirming);
  EXPECT_TRUE(has<action::KillSuccessor>(machine.on(kClosed)));
  const auto actions = machine.on(kCrashed);
  EXPECT_TRUE((in_order<action::RestoreRecord, action::Finish>(actions)));
  EXPECT_TRUE(has<action::ResumeAccepting>(actions));
  EXPECT_FALSE(machine.failure()->blames_release);
  expect_the_next_upgrade_works(machine);
}

TEST(Coordinator, WhatTheIncumbentCouldNotGiveIsNotTheReleasesFault) {
  Coordinator machine = at(Step::adopting);
  machine.on(event::SuccessorFailed{{errc::handover_refused, ""}, false});
  machine.on(kCrashed);
  EXPECT_FALSE(machine.failure()->blames_release);
}

TEST(Coordinator, ServesOnWhenTheSuccessorDiesBeforeItHasTakenOver) {
  Coordinator machine = at(Step::confirming);
  const auto actions = machine.on(kCrashed);
  EXPECT_TRUE((in_order<action::RestoreRecord, action::Finish>(actions)));
  EXPECT_TRUE(has<action::ResumeAccepting>(actions));
  expect_the_next_upgrade_works(machine);
}

TEST(Coordinator, AfterTheCommitNothingIsTakenBack) {
  Coordinator machine = at(Step::leaving);
  EXPECT_TRUE(machine.on(kCrashed).empty());
  EXPECT_TRUE(machine.on(event::AbortRequested{}).empty());
  EXPECT_TRUE(machine.on(event::StopRequested{}).empty());
  EXPECT_TRUE(machine.on(event::TurnReturned{}).empty());
  EXPECT_EQ(machine.step(), Step::leaving);
}

TEST(Coordinator, ProbationIsNotOverBeforeTheLastQuestionIsAnswered) {
  Coordinator machine = at(Step::probation);
  EXPECT_FALSE(has<action::Record>(machine.on(kStepOver)));
  EXPECT_EQ(machine.step(), Step::probation);
  EXPECT_TRUE(has<action::Record>(machine.on(event::HealthAnswered{true})));
}

TEST(Coordinator, AsksForHealthOnceMoreBeforeTheCommit) {
  Coordinator machine = at(Step::probation);
  machine.on(event::HealthAnswered{true});
  const auto over = machine.on(kStepOver);
  EXPECT_FALSE(has<action::Record>(over));
  EXPECT_TRUE(has<action::AskHealth>(over));
  EXPECT_TRUE(arms(over, Timer::health, Wait::health));
  EXPECT_TRUE(
      has<action::TakeTurnBack>(machine.on(event::HealthAnswered{false})));
}

TEST(Coordinator, AsksForHealthAgainAndAgainInProbation) {
  EXPECT_TRUE(arms(at(Step::switching).on(event::SuccessorServing{}),
                   Timer::health, Wait::health));
  Coordinator machine = at(Step::probation);
  EXPECT_TRUE(arms(machine.on(event::HealthAnswered{true}), Timer::health,
                   Wait::health_interval));
  const auto again = machine.on(kHealthOver);
  EXPECT_TRUE(has<action::AskHealth>(again));
  EXPECT_TRUE(arms(again, Timer::health, Wait::health));
}

TEST(Coordinator, ASecondReadyOrServingIsIgnored) {
  Coordinator checking = at(Step::checking);
  EXPECT_TRUE(checking.on(event::SuccessorReady{}).empty());
  Coordinator probation = at(Step::probation);
  EXPECT_TRUE(probation.on(event::SuccessorServing{}).empty());
}

TEST(Coordinator, AnExtensionMovesTheReadyDeadlineOnly) {
  Coordinator preparing = at(Step::preparing);
  const auto actions =
      preparing.on(event::ReadyExtended{std::chrono::milliseconds{1234}});
  EXPECT_EQ(find<action::Arm>(actions)->instead->count(), 1234);
  Coordinator probation = at(Step::probation);
  EXPECT_TRUE(probation.on(event::ReadyExtended{}).empty());
}

TEST(Coordinator, EveryStepOfAnUpgradeHasADeadline) {
  // Each step is entered with the step deadline armed, or keeps the one of
  // the step before it (adopting), or ends within one action (launching,
  // committing).
  const std::pair<Step, CoordinatorEvent> rows[] = {
      {Step::idle, event::Requested{}},
      {Step::building, event::Built{}},
      {Step::launching, event::Launched{}},
      {Step::adopting, event::Adopted{}},
      {Step::preparing, event::SuccessorReady{}},
      {Step::checking, event::HealthAnswered{true}},
      {Step::pausing, event::Paused{}},
      {Step::switching, event::SuccessorServing{}},
      {Step::probation, event::HealthAnswered{false}},
      {Step::probation, event::SuccessorFailed{{errc::unhealthy, ""}}}};
  for (const auto& [step, event] : rows) {
    Coordinator machine = at(step);
    const auto actions = machine.on(event);
    const auto* arm = find<action::Arm>(actions);
    ASSERT_NE(arm, nullptr) << static_cast<int>(step);
    EXPECT_EQ(arm->timer, Timer::step);
  }
}

}  // namespace
}  // namespace relaunch::upgrade
