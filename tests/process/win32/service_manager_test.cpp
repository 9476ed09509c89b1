// systemd does not exist here, whatever the variables say.
#include "common/os/service_manager.hpp"

#include <gtest/gtest.h>

#include "common/base/text.hpp"
#include "support/child.hpp"

namespace relaunch::test {
namespace {

RELAUNCH_CHILD_MAIN(looks_for_systemd) {
  say(os::ServiceManager::find() ? "found" : "none");
  return 0;
}

TEST(ServiceManager, IsNeverFound) {
  auto request = child_request("looks_for_systemd");
  EXPECT_EQ(run_child(request).output, "none\n");
  for (const char* variable :
       {"NOTIFY_SOCKET=/run/systemd/notify", "WATCHDOG_USEC=1000000"}) {
    request.environment.emplace_back(variable);
  }
  EXPECT_EQ(run_child(std::move(request)).output, "none\n");
}

}  // namespace
}  // namespace relaunch::test
