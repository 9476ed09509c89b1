// Hosts that take the exit status of their children away, or make children of
// their own with a copy of every descriptor.
#include "support/event_wait.hpp"
#include "upgrade/upgrade_fixture.hpp"

namespace relaunch::test {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::StartsWith;

class ChildrenOfAHost : public testing::TestWithParam<const char*> {
 protected:
  Recipe with_habit(const char* greeting) const {
    return {{"greeting", greeting}, {"children", GetParam()}};
  }
  ServerUnderTest server_{{.first = with_habit("one")}};
};

TEST_P(ChildrenOfAHost, AreBuiltAndUpgradedToWithoutAnExitStatus) {
  for (const char* greeting : {"two", "three"}) {
    EXPECT_THAT(server_.update_to(with_habit(greeting)).outcome,
                StartsWith("done generation="))
        << server_.process().output();
    EXPECT_EQ(server_.hello(), greeting);
  }
  EXPECT_TRUE(server_.wait_alone(3)) << server_.process().output();
}

TEST_P(ChildrenOfAHost, ThatFailToBuildFailTheUpgrade) {
  const UpdateAnswer answer = server_.update_to({{"build_fail", "4"}});
  EXPECT_THAT(answer.outcome, StartsWith("failed in build: "));
  EXPECT_THAT(answer.outcome, HasSubstr("exit code 4"));
  expect_untouched(server_);
}

TEST_P(ChildrenOfAHost, ThatEndAreNoticedThoughNotHow) {
  const UpdateAnswer answer = server_.update_to({{"exit_at_start", "7"}});
  EXPECT_THAT(answer.outcome, StartsWith("failed in "));
  // Who waits for everything may still be too slow.
  EXPECT_THAT(answer.outcome,
              AnyOf(HasSubstr("exit status unknown"), HasSubstr("exit code 7")))
      << server_.process().output();
  EXPECT_THAT(server_.update_to({{"die_on_turn", "1"}}).outcome,
              StartsWith("rolled back in switch: "));
  expect_untouched(server_);
  expect_next_upgrade_works(server_);
}

TEST_P(ChildrenOfAHost, ThatCannotBeStartedAreToldWhy) {
  const UpdateAnswer answer = server_.update_to({{"build_garbage", "1"}});
  EXPECT_THAT(answer.outcome, StartsWith("failed in launch: cannot start "));
  expect_untouched(server_);
}

INSTANTIATE_TEST_SUITE_P(Host, ChildrenOfAHost,
                         testing::Values("ignored", "discarded", "waited"),
                         [](const auto& habit) { return habit.param; });

TEST(Host, ThatForksAllTheTimeUpgradesAndItsEndIsSeen) {
  const Recipe forks{{"greeting", "one"}, {"forks", "1"}};
  ServerUnderTest server({.first = forks});
  for (const char* behaviour : {"exit_at_start", "die_on_turn"}) {
    EXPECT_THAT(server.update_to({{behaviour, "1"}}).outcome,
                HasSubstr("generation=1"));
  }
  expect_untouched(server);
  EXPECT_THAT(server.update_to({{"greeting", "two"}, {"forks", "1"}}).outcome,
              StartsWith("done generation=2"))
      << server.process().output();
  // A worker of the first has its end of the channel, and lives on.
  EXPECT_THAT(server.wait_for_departure(), HasSubstr("generation 1"));
  EXPECT_THAT(server.wait_for_departure(), HasSubstr(" left after "));
  expect_next_upgrade_works(server, 2);
}

}  // namespace
}  // namespace relaunch::test
