// The one phase that is too short to be met from outside: see
// tests/upgrade/abort_test.cpp for the others.
#include "upgrade/upgrade_fixture.hpp"

namespace relaunch::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

TEST(Abort, OfAStagingOnADeadDiskEndsTheUpgradeAndTheServerServesOn) {
  ServerUnderTest server;
  server.arm("incumbent.file.copy", "hang");
  auto update = server.begin_update({{"greeting", "two"}}, "linked");
  // It serves meanwhile, so asking it is a way to wait.
  for (int i = 0; i < 1000 && !server.struck("incumbent.file.copy"); ++i) {
    ASSERT_EQ(server.hello(), "one");
  }
  ASSERT_TRUE(server.struck("incumbent.file.copy"));
  HttpRequest request;
  request.method = "POST";
  request.path = "/abort";
  EXPECT_EQ(http_call(server.port(), request, kStepDeadline).value().status,
            200u);
  const std::string outcome = update.get().outcome;
  EXPECT_THAT(outcome, StartsWith("failed in stage: "));
  EXPECT_THAT(outcome, HasSubstr("the upgrade was aborted"));
  expect_untouched(server);
}

}  // namespace
}  // namespace relaunch::test
