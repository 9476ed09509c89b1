// Who has nothing left to do ends when it is asked to, at once: no deadline has
// to pass first.
#include "upgrade/upgrade_fixture.hpp"

namespace relaunch::test {
namespace {

using testing::StartsWith;

/// Far above what it takes on a busy machine, far below every deadline.
constexpr std::chrono::milliseconds kAtOnce{1500};

TEST(IdleServer, EndsAtOnceWhenItIsAskedTo) {
  ServerUnderTest server;
  EXPECT_EQ(server.hello(), "one");
  EXPECT_TRUE(server.process().stop(kAtOnce)) << server.process().output();
  EXPECT_TRUE(server.process().first_exit_status()->success());
}

TEST(IdleServer, EndsAtOnceRightAfterAnUpgrade) {
  ServerUnderTest server;
  EXPECT_THAT(server.update_to({{"greeting", "two"}}).outcome,
              StartsWith("done generation=2"));
  EXPECT_TRUE(server.process().stop(kAtOnce)) << server.process().output();
}

TEST(IdleServer, EndsAtOnceAfterAFailedUpgrade) {
  ServerUnderTest server;
  EXPECT_THAT(server.update_to({{"unhealthy", "1"}}).outcome,
              StartsWith("rolled back in probation: "));
  EXPECT_TRUE(server.process().stop(kAtOnce)) << server.process().output();
  EXPECT_TRUE(server.process().first_exit_status()->success());
}

TEST(IdleServer, EndsAtOnceInProbation) {
  ServerUnderTest server({.settings = {{"probation", "20000"}}});
  auto update = server.begin_update({{"greeting", "two"}}, "linked");
  ASSERT_TRUE(server.process().wait_for_line("phase=probation", kStepDeadline));
  EXPECT_TRUE(server.process().stop(kAtOnce)) << server.process().output();
  EXPECT_THAT(update.get().outcome, StartsWith("rolled back in probation: "));
}

}  // namespace
}  // namespace relaunch::test
