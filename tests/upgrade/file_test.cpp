// Files and pipes that a successor asks its incumbent for.
#include <fstream>
#include <sstream>

#include "upgrade/upgrade_fixture.hpp"

namespace relaunch::test {
namespace {

using testing::StartsWith;

bool says(ServerUnderTest& server, const std::string& line) {
  return server.process().wait_for_line(line, kStepDeadline).has_value();
}

std::string content(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

const Recipe kWithALog{{"greeting", "one"}, {"log", "access.log"}};

TEST(File, IsWrittenOnByTheSuccessor) {
  ServerUnderTest server({.first = kWithALog});
  EXPECT_THAT(
      server.update_to({{"greeting", "two"}, {"log_from", "write"}}).outcome,
      StartsWith("done generation=2"));
  EXPECT_TRUE(says(server, "file: written")) << server.process().output();
  EXPECT_EQ(content(server.path("state") / "access.log"),
            "from the successor\n");
  expect_next_upgrade_works(server, 2);
}

TEST(File, OpenForLessThanIsWantedIsRefused) {
  ServerUnderTest server({.first = kWithALog});
  EXPECT_THAT(
      server.update_to({{"greeting", "two"}, {"log_from", "read_write"}})
          .outcome,
      StartsWith("done generation=2"));
  EXPECT_TRUE(says(server,
                   "file: none, cannot inherit file 'log': it is open for "
                   "write, wanted is read_write"))
      << server.process().output();
  expect_next_upgrade_works(server, 2);
}

TEST(File, OfAnotherKindIsRefused) {
  ServerUnderTest server({.first = kWithALog});
  EXPECT_THAT(server
                  .update_to({{"greeting", "two"},
                              {"log_from", "write"},
                              {"log_kind", "pipe"}})
                  .outcome,
              StartsWith("done generation=2"));
  EXPECT_TRUE(says(server, "cannot inherit file 'log': it is a file"))
      << server.process().output();
}

TEST(File, ThatNobodyProvidesIsSaidToBeMissing) {
  ServerUnderTest server({.first = {{"greeting", "one"}, {"state", "x"}}});
  EXPECT_THAT(
      server.update_to({{"greeting", "two"}, {"log_from", "write"}}).outcome,
      StartsWith("done generation=2"));
  EXPECT_TRUE(says(server, "there is no file 'log'"))
      << server.process().output();
}

TEST(File, OfAFirstGenerationThereIsNone) {
  ServerUnderTest server(
      {.first = {{"greeting", "one"}, {"log_from", "write"}}});
  EXPECT_TRUE(says(server, "file: none, ")) << server.process().output();
}

// Each upgrade gives duplicates away, also one that fails.
TEST(File, LeavesNoHandleBehind) {
  Recipe passing_on{{"log_from", "write"}, {"log", "access.log"}};
  ServerUnderTest server({.first = kWithALog});
  const auto upgrade = [&](const char* greeting) {
    passing_on["greeting"] = greeting;
    EXPECT_THAT(server.update_to(passing_on).outcome, StartsWith("done"));
    EXPECT_TRUE(server.wait_alone(server.status().generation));
  };
  upgrade("two");
  const Census before = server.census();
  upgrade("three");
  upgrade("four");
  EXPECT_LE(server.census().handles, before.handles);
}

}  // namespace
}  // namespace relaunch::test
