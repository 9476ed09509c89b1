// A program that takes its listeners by the protocol of listenfd.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "common/base/text.hpp"
#include "common/os/process.hpp"
#include "common/supervisor/console_stop.hpp"
#include "foreign/supervised_program.hpp"
#include "support/child.hpp"
#include "support/event_wait.hpp"

namespace relaunch::test {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

RELAUNCH_CHILD_MAIN(console_helper) {
  return supervisor::run_console_stop_helper();
}

supervisor::Options listenfd_options() {
  auto options = foreign_options("none");
  // On the drive where this runs, which is not that of the scratch folder.
  options.program = {text::utf8(std::filesystem::absolute(LISTENFD_PROGRAM))};
  options.foreign.readiness = supervisor::Readiness::none;
  options.foreign.console_helper = {"--child=console_helper"};
  // Wine 8 knows no Ctrl+Break: then it is killed.
  options.deadlines.drain = milliseconds{500};
  options.deadlines.grace = milliseconds{500};
  return options;
}

TEST(ListenfdProgram, IsReplacedAndTheOldOneEnds) {
  SupervisedProgram program{listenfd_options()};
  ASSERT_TRUE(program.wait_for_generation(1)) << program.log();
  const auto first = os::open_process(program.status().pid).value();
  EXPECT_EQ(program.get(), std::to_string(program.status().pid) + "\n");
  const Outcome outcome = program.upgrade();
  ASSERT_EQ(to_string(outcome.result), "done") << outcome.reason;
  EXPECT_NE(outcome.serving_pid, first.id());
  EXPECT_TRUE(wait_for_end(first)) << program.log();
  EXPECT_EQ(program.get(), std::to_string(outcome.serving_pid) + "\n");
}

TEST(ListenfdProgram, CannotSayThatItIsReadyByASocketThatIsNotThere) {
  auto options = listenfd_options();
  options.foreign.readiness = supervisor::Readiness::notify;
  SupervisedProgram program{options};
  EXPECT_THAT(program.wait_for_line("cannot open notify socket"),
              HasSubstr("this system has no such protocol, use a probe"));
}

}  // namespace
}  // namespace relaunch::test
