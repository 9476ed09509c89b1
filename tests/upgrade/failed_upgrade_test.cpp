// Before the switch a failed upgrade costs nothing.
#include <utility>

#include "upgrade/upgrade_fixture.hpp"

namespace relaunch::test {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::StartsWith;

TEST(FailedUpgrade, BuildThatFailsIsShownAndCostsNothing) {
  ServerUnderTest server;
  const UpdateAnswer answer =
      server.update_to({{"build_lines", "3"}, {"build_fail", "4"}});
  EXPECT_THAT(answer.outcome, StartsWith("failed in build: "));
  EXPECT_THAT(answer.outcome, HasSubstr("exit code 4"));
  EXPECT_THAT(answer.outcome, HasSubstr("generation=1"));
  EXPECT_THAT(answer.lines, Contains("[3/3] compiling"));
  EXPECT_THAT(answer.lines, Contains("error: this release does not compile"));
  expect_untouched(server);
  expect_next_upgrade_works(server);
}

TEST(FailedUpgrade, BuildThatHangsIsEndedAtItsDeadline) {
  ServerUnderTest server({.settings = {{"build_deadline", "700"}}});
  const UpdateAnswer answer = server.update_to({{"build_hang", "1"}});
  EXPECT_THAT(answer.outcome, StartsWith("failed in build: "));
  expect_untouched(server);
}

TEST(FailedUpgrade, StopRequestDuringABuildEndsBuildAndServer) {
  ServerUnderTest server;
  auto answer = server.begin_update({{"build_hang", "1"}}, "hanging");
  EXPECT_TRUE(server.process().stop(kStepDeadline))
      << server.process().output();
  EXPECT_THAT(answer.get().outcome, StartsWith("failed in build: "));
}

TEST(FailedUpgrade, BuildThatLeavesNoArtifactCostsNothing) {
  ServerUnderTest server;
  const UpdateAnswer answer = server.update_to({{"build_nothing", "1"}});
  EXPECT_THAT(answer.outcome, StartsWith("failed in stage: "));
  EXPECT_THAT(answer.outcome, HasSubstr("artifact"));
  expect_untouched(server);
  expect_next_upgrade_works(server);
}

TEST(FailedUpgrade, BuildThatLeavesNoProgramCostsNothing) {
  ServerUnderTest server;
  const UpdateAnswer answer = server.update_to({{"build_garbage", "1"}});
  EXPECT_THAT(answer.outcome, StartsWith("failed in launch: "));
  expect_untouched(server);
  expect_next_upgrade_works(server);
}

TEST(FailedUpgrade, SuccessorThatExitsBeforeItIsReadyCostsNothing) {
  ServerUnderTest server;
  const UpdateAnswer answer = server.update_to({{"exit_at_start", "7"}});
  EXPECT_THAT(answer.outcome, StartsWith("failed in "));
  EXPECT_THAT(answer.outcome, HasSubstr("exit code 7"));
  expect_untouched(server);
  expect_next_upgrade_works(server);
}

TEST(FailedUpgrade, SuccessorThatCrashesAtItsStartCostsNothing) {
  ServerUnderTest server;
  const UpdateAnswer answer = server.update_to({{"crash_at_start", "1"}});
  EXPECT_THAT(answer.outcome, StartsWith("failed in "));
  expect_untouched(server);
  expect_next_upgrade_works(server);
}

TEST(FailedUpgrade, SuccessorThatNeverSaysHelloIsEndedAtTheDeadline) {
  ServerUnderTest server({.settings = {{"hello", "700"}}});
  const UpdateAnswer answer = server.update_to({{"silent", "1"}});
  EXPECT_THAT(answer.outcome, StartsWith("failed in launch: "));
  expect_untouched(server);
}

TEST(FailedUpgrade, SuccessorThatIsNeverReadyIsEndedAtTheDeadline) {
  ServerUnderTest server({.settings = {{"ready", "700"}}});
  const UpdateAnswer answer = server.update_to({{"never_ready", "1"}});
  EXPECT_THAT(answer.outcome, StartsWith("failed in prepare: "));
  expect_untouched(server);
}

TEST(FailedUpgrade, SuccessorThatAsksForMoreTimeGetsIt) {
  ServerUnderTest server({.settings = {{"ready", "1500"}}});
  const UpdateAnswer answer =
      server.update_to({{"greeting", "two"}, {"slow_ready", "2000"}});
  EXPECT_THAT(answer.outcome, StartsWith("done generation=2"))
      << server.process().output();
  EXPECT_EQ(server.hello(), "two");
}

TEST(FailedUpgrade, SecondRequestIsToldBusyAndTheFirstGoesOn) {
  ServerUnderTest server;
  auto first = server.begin_update(
      {{"greeting", "two"}, {"slow_ready", "1500"}}, "linked");
  const UpdateAnswer second = server.update();
  EXPECT_EQ(second.http_status, 409u);
  EXPECT_THAT(second.outcome, StartsWith("refused: "));
  EXPECT_THAT(first.get().outcome, StartsWith("done generation=2"))
      << server.process().output();
  EXPECT_EQ(server.hello(), "two");
  expect_next_upgrade_works(server, 2);
}

TEST(FailedUpgrade, FailuresUnderLoadLoseNoRequest) {
  ServerUnderTest server({.settings = {{"hello", "700"}, {"ready", "700"}}});
  LoadClient fresh(server.load(Connections::fresh));
  LoadClient kept(server.load(Connections::kept));
  for (const char* behaviour : {"build_fail", "build_nothing", "exit_at_start",
                                "silent", "never_ready"}) {
    const UpdateAnswer answer = server.update_to({{behaviour, "3"}});
    EXPECT_THAT(answer.outcome, StartsWith("failed in ")) << behaviour;
    EXPECT_TRUE(fresh.wait_for_answers(10, kStepDeadline));
  }
  const LoadReport fresh_report = fresh.stop();
  const LoadReport kept_report = kept.stop();
  EXPECT_EQ(fresh_report.failed(), 0u) << fresh_report.text();
  EXPECT_EQ(kept_report.failed(), 0u) << kept_report.text();
  EXPECT_EQ(kept_report.generations.size(), 1u);
}

}  // namespace
}  // namespace relaunch::test
