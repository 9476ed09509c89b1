// Whichever generation is asked to stop, in whatever phase: the upgrade is
// abandoned, and both end.
#include "faults/fault_fixture.hpp"
#include "faults/fault_rows.hpp"

namespace relaunch::test {
namespace {

using testing::StartsWith;

struct Row {
  std::string asked;  ///< incumbent, successor
  std::string phase;
};

std::ostream& operator<<(std::ostream& out, const Row& row) {
  return out << row.asked << " in " << row.phase;
}

class StopRequest : public testing::TestWithParam<Row> {};

TEST_P(StopRequest, EndsBothAndTheUpgrade) {
  const auto& [asked, phase] = GetParam();
  const std::map<std::string, std::string> settings{{"probation", "20000"}};
  FaultyUpgrade upgrade(settings);
  auto& process = upgrade.server().process();
  const std::size_t before = process.lines().size();
  const bool early = phase == "prepare";
  upgrade.begin(early ? Recipe{{"never_ready", "1"}}
                      : Recipe{{"greeting", "two"}});
  // It listens for requests to stop before it asks for its listeners.
  ASSERT_TRUE(
      process.wait_for_line_after(before, "listening http", kStepDeadline));
  if (!early) {
    ASSERT_TRUE(
        process.wait_for_line_after(before, "phase=probation", kStepDeadline));
  }
  const auto all = process.processes();
  process.ask_to_stop(asked == "incumbent" ? all.front() : all.back());
  EXPECT_THAT(
      upgrade.answer().outcome,
      StartsWith(early ? "failed in prepare: " : "rolled back in probation: "))
      << process.output();
  upgrade.expect_nobody();
  EXPECT_TRUE(process.first_exit_status()->success()) << process.output();
}

INSTANTIATE_TEST_SUITE_P(Each, StopRequest,
                         testing::Values(Row{"incumbent", "prepare"},
                                         Row{"successor", "prepare"},
                                         Row{"incumbent", "probation"},
                                         Row{"successor", "probation"}),
                         row_name<Row>);

// What it had passed on may not be heeded any more.
TEST(PassedStopRequest, IsHeededIfTheIncumbentEndsInstead) {
  const std::map<std::string, std::string> settings{{"probation", "20000"}};
  FaultyUpgrade upgrade(settings);
  auto& server = upgrade.server();
  const os::ProcessId first = server.status().pid;
  server.arm("incumbent.take-turn-back", "kill");
  upgrade.begin({{"greeting", "two"}});
  ASSERT_TRUE(server.process().wait_for_line("phase=probation", kStepDeadline));
  server.process().ask_to_stop(server.process().processes().back());
  EXPECT_TRUE(server.process().wait_gone(first, kStepDeadline));
  upgrade.expect_nobody();
}

}  // namespace
}  // namespace relaunch::test
