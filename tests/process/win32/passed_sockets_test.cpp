// No service manager passes sockets here, whatever the variables say.
#include "common/os/passed_sockets.hpp"

#include <gtest/gtest.h>

#include "common/base/text.hpp"
#include "support/child.hpp"

namespace relaunch::test {
namespace {

RELAUNCH_CHILD_MAIN(takes_passed_sockets) {
  say(text::cat(os::take_passed_sockets().value().size()));
  return 0;
}

TEST(PassedSockets, AreNone) {
  auto request = child_request("takes_passed_sockets");
  request.environment.emplace_back("LISTEN_FDS=3");
  EXPECT_EQ(run_child(std::move(request)).output, "0\n");
}

}  // namespace
}  // namespace relaunch::test
