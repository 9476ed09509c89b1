// A release that asks for a unix listener, where there is none.
#include "upgrade/upgrade_fixture.hpp"

namespace relaunch::test {
namespace {

TEST(UnixListener, IsRefusedAndTheIncumbentServesOn) {
  ServerUnderTest server;
  for (const char* address :
       {"unix:///run/app.sock", "unix-abstract://app", "pipe://app"}) {
    const auto answer = server.update_to({{"listener.local", address}});
    EXPECT_THAT(answer.outcome, testing::StartsWith("failed in prepare: "))
        << server.process().output();
    EXPECT_TRUE(server.process().wait_for_line(address, kStepDeadline));
  }
  EXPECT_THAT(server.process().output(),
              testing::HasSubstr("on Windows a listener is a TCP one"));
  expect_untouched(server);
  expect_next_upgrade_works(server);
}

}  // namespace
}  // namespace relaunch::test
