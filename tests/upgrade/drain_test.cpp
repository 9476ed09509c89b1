// Older generations that still drain while the next upgrades go on.
#include "upgrade/upgrade_fixture.hpp"

namespace relaunch::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

const Recipe kNeverDrained{{"greeting", "one"}, {"stuck_drain", "1"}};

// The one that watched it first has left long before its deadline.
TEST(Drain, StuckGenerationIsEndedByTheOneThatServesThen) {
  ServerUnderTest server(
      {.first = kNeverDrained, .settings = {{"drain", "1500"}}});
  const os::ProcessId stuck = server.status().pid;
  EXPECT_THAT(server.update_to({{"greeting", "two"}}).outcome,
              StartsWith("done generation=2"));
  const os::ProcessId second = server.status().pid;
  EXPECT_THAT(server.update_to({{"greeting", "three"}}).outcome,
              StartsWith("done generation=3"));
  EXPECT_TRUE(server.process().wait_gone(second, kStepDeadline));
  EXPECT_TRUE(server.process().wait_gone(stuck, kStepDeadline))
      << server.process().output();
  EXPECT_TRUE(server.wait_alone(3)) << server.process().output();
  EXPECT_THAT(server.wait_for_departure("generation 1 "),
              HasSubstr("generation 1 (pid "));
}

TEST(Drain, SoManyMayDrainThenAnUpgradeIsBusyUntilOneHasLeft) {
  ServerUnderTest server(
      {.first = kNeverDrained, .settings = {{"max_draining", "2"}}});
  const os::ProcessId first = server.status().pid;
  EXPECT_THAT(
      server.update_to({{"greeting", "two"}, {"stuck_drain", "1"}}).outcome,
      StartsWith("done generation=2"));
  EXPECT_THAT(server.update_to({{"greeting", "three"}}).outcome,
              StartsWith("done generation=3"));
  const UpdateAnswer refused = server.update_to({{"greeting", "four"}});
  EXPECT_THAT(refused.outcome, HasSubstr("2 older generations"))
      << server.process().output();
  EXPECT_EQ(server.hello(), "three");

  server.process().kill(first);
  EXPECT_TRUE(server.process().wait_gone(first, kStepDeadline));
  EXPECT_THAT(server.wait_for_departure("generation 1 "),
              HasSubstr("generation 1 (pid "));
  EXPECT_THAT(server.update_to({{"greeting", "four"}}).outcome,
              StartsWith("done generation=4"))
      << server.process().output();
  EXPECT_EQ(server.hello(), "four");
}

// It may read its files until it has left.
TEST(Drain, ReleaseOfAGenerationThatDrainsIsNotPruned) {
  ServerUnderTest server({.settings = {{"keep_releases", "0"}}});
  EXPECT_THAT(
      server.update_to({{"greeting", "two"}, {"stuck_drain", "1"}}).outcome,
      StartsWith("done generation=2"));
  const ServerStatus second = server.status();
  const auto folder = server.path("state") / "releases" / second.release;
  EXPECT_TRUE(std::filesystem::exists(folder));
  EXPECT_THAT(server.update_to({{"greeting", "three"}}).outcome,
              StartsWith("done generation=3"));
  EXPECT_TRUE(std::filesystem::exists(folder));

  server.process().kill(second.pid);
  EXPECT_TRUE(server.wait_alone(3)) << server.process().output();
  EXPECT_THAT(server.wait_for_departure("generation 2 "),
              HasSubstr("generation 2 (pid "));
  EXPECT_THAT(server.update_to({{"greeting", "four"}}).outcome,
              StartsWith("done generation=4"));
  EXPECT_FALSE(std::filesystem::exists(folder));
}

}  // namespace
}  // namespace relaunch::test
