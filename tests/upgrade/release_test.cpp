// Which builds are started, and which are not.
#include <algorithm>

#include "upgrade/upgrade_fixture.hpp"

namespace relaunch::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

/// How many generations were started. A line that one has printed is read a
/// moment later, so it waits until it has read as many as are expected.
std::size_t starts(ServerUnderTest& server, std::size_t expected) {
  const auto count = [&] {
    const auto lines = server.process().lines();
    return static_cast<std::size_t>(std::count_if(
        lines.begin(), lines.end(),
        [](const std::string& line) { return line.starts_with("started "); }));
  };
  for (;;) {
    const std::size_t read = server.process().lines().size();
    if (count() >= expected) break;
    if (!server.process().wait_for_line_after(read, "", kStepDeadline)) break;
  }
  return count();
}

TEST(Release, UnchangedBuildIsNothingToDoUnlessForced) {
  ServerUnderTest server;
  const Recipe two{{"greeting", "two"}};
  EXPECT_THAT(server.update_to(two).outcome, StartsWith("done generation=2"));
  EXPECT_THAT(server.update_to(two).outcome,
              StartsWith("nothing to do generation=2"));
  EXPECT_EQ(starts(server, 2), 2u);
  EXPECT_THAT(server.update_to(two, "force=1").outcome,
              StartsWith("done generation=3"))
      << server.process().output();
  EXPECT_TRUE(server.wait_alone(3)) << server.process().output();
}

TEST(Release, FirstGenerationKnowsItsOwnBuildAgain) {
  ServerUnderTest server({.from_artifact = true});
  EXPECT_THAT(server.update_to({{"greeting", "one"}}).outcome,
              StartsWith("nothing to do generation=1"))
      << server.process().output();
}

TEST(Release, FailedOneIsHeldUntilForcedOrAnotherBuildAppears) {
  ServerUnderTest server;
  const Recipe bad{{"exit_at_start", "7"}};
  EXPECT_THAT(server.update_to(bad).outcome, HasSubstr("exit code 7"));
  EXPECT_EQ(starts(server, 2), 2u);
  EXPECT_THAT(server.update_to(bad).outcome, StartsWith("failed in stage: "));
  EXPECT_EQ(starts(server, 2), 2u);
  EXPECT_THAT(server.update_to(bad, "force=1").outcome,
              HasSubstr("exit code 7"));
  EXPECT_EQ(starts(server, 3), 3u);
  expect_untouched(server);
  expect_next_upgrade_works(server);
}

TEST(Release, ArtifactIsTakenAsItIsWhenTheBuildIsSkipped) {
  ServerUnderTest server;
  EXPECT_THAT(server.update_to({{"greeting", "two"}}).outcome,
              StartsWith("done generation=2"));
  EXPECT_THAT(server.update_to({{"greeting", "three"}}, "skip-build=1").outcome,
              StartsWith("nothing to do generation=2"));
}

TEST(Release, FolderIsStagedWithItsExecutable) {
  ServerUnderTest server({.folder_artifact = true});
  const Recipe two{{"greeting", "two"}, {"build_folder", "1"}};
  EXPECT_THAT(server.update_to(two).outcome, StartsWith("done generation=2"))
      << server.process().output();
  EXPECT_EQ(server.hello(), "two");
}

// A linker writes its output in place: on a running program that fails.
TEST(FirstGeneration, BuildMayOverwriteTheVeryFileItRunsFrom) {
  ServerUnderTest server({.from_artifact = true});
  LoadClient fresh(server.load(Connections::fresh));
  EXPECT_THAT(server.update_to({{"greeting", "two"}}).outcome,
              StartsWith("done generation=2"))
      << server.process().output();
  EXPECT_EQ(server.hello(), "two");
  EXPECT_THAT(server.update_to({{"greeting", "three"}}).outcome,
              StartsWith("done generation=3"))
      << server.process().output();
  const LoadReport report = fresh.stop();
  EXPECT_EQ(report.failed(), 0u) << report.text();
  EXPECT_TRUE(server.wait_alone(3)) << server.process().output();
}

TEST(FirstGeneration, ArtifactIsStillThereAfterABuildThatFailed) {
  ServerUnderTest server({.from_artifact = true});
  EXPECT_THAT(server.update_to({{"build_fail", "2"}}).outcome,
              StartsWith("failed in build: "));
  EXPECT_TRUE(std::filesystem::exists(server.artifact()));
  expect_untouched(server);
  expect_next_upgrade_works(server);
}

}  // namespace
}  // namespace relaunch::test
