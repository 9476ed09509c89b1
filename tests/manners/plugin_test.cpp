// A library that comes and goes with a plugin.
#include <algorithm>
#include <filesystem>

#include "common/base/text.hpp"
#include "common/os/system.hpp"
#include "support/scratch_folder.hpp"
#include "upgrade/upgrade_fixture.hpp"

namespace relaunch::test {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

class Plugin : public testing::TestWithParam<const char*> {};

TEST_P(Plugin, IsUnloadedAndLoadedAgainAroundUpgrades) {
  const ScratchFolder scratch;
  os::LaunchRequest request;
  request.executable = fs::absolute(MANNERS_HOST);
  request.arguments = {MANNERS_HOST, text::utf8(fs::absolute(GetParam())),
                       text::utf8(scratch / "state")};
  request.environment = os::own_environment();
  ServerProcess host(std::move(request));
  ASSERT_TRUE(host.wait_for_line("upgrade: done", kStepDeadline))
      << host.output();
  for (const os::ProcessId id : host.processes()) {
    ASSERT_TRUE(host.wait_gone(id, kStepDeadline)) << host.output();
  }
  EXPECT_TRUE(host.first_exit_status()->success()) << host.output();
  // Twice by the first generation, once by its successor.
  const auto lines = host.lines_to_the_end(kStepDeadline);
  EXPECT_EQ(std::count(lines.begin(), lines.end(), "unloaded"), 3)
      << host.output();
  EXPECT_THAT(lines, Contains(HasSubstr("upgrade: failed")));
  EXPECT_THAT(lines, Contains(HasSubstr("upgrade: done")));
  EXPECT_THAT(lines, Not(Contains("a thread is left")));
}

INSTANTIATE_TEST_SUITE_P(Library, Plugin, testing::Values(MANNERS_PLUGINS),
                         [](const auto& each) {
                           return std::string(each.index == 0 ? "Static"
                                                              : "Shared");
                         });

}  // namespace
}  // namespace relaunch::test
