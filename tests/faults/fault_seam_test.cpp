// The seam itself: a fault strikes once, where and how it was ordered.
#include <cerrno>
#include <string>

#include "upgrade/upgrade_fixture.hpp"

namespace relaunch::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

TEST(FaultSeam, KillsTheSuccessorAtAnActionOfItsMachine) {
  ServerUnderTest server;
  server.arm("successor.take-turn", "kill");
  const UpdateAnswer answer = server.update_to({{"greeting", "two"}});
  EXPECT_TRUE(server.struck("successor.take-turn"));
  EXPECT_THAT(answer.outcome, StartsWith("rolled back in switch: "));
  expect_untouched(server);
  expect_next_upgrade_works(server);
}

TEST(FaultSeam, MakesACallOfTheSystemFail) {
  ServerUnderTest server;
  server.arm("incumbent.channel.pair", "error " + std::to_string(ENOMEM));
  const UpdateAnswer answer = server.update_to({{"greeting", "two"}});
  EXPECT_TRUE(server.struck("incumbent.channel.pair"));
  EXPECT_THAT(answer.outcome, StartsWith("failed in launch: "));
  expect_untouched(server);
  expect_next_upgrade_works(server);
}

TEST(FaultSeam, HangsOnlyTheOneWhoIsMeant) {
  ServerUnderTest server({.settings = {{"turn", "300"}}});
  server.arm("successor.send-serving", "hang");
  const UpdateAnswer answer = server.update_to({{"greeting", "two"}});
  EXPECT_TRUE(server.struck("successor.send-serving"));
  EXPECT_THAT(answer.outcome, HasSubstr("generation=1"));
  expect_untouched(server);
  expect_next_upgrade_works(server);
}

}  // namespace
}  // namespace relaunch::test
