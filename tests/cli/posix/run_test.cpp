#include <signal.h>

#include "cli/run_fixture.hpp"

namespace relaunch::test {
namespace {

TEST_F(RunCommand, IsRefusedWithAProgramThatCannotRun) {
  const auto text = folder_ / "text";
  write_file(text, "no program\n");
  const auto refused = ask({"run", "--", text::utf8(text)});
  EXPECT_EQ(refused.status.text(), "exit code 65") << refused.output;
  EXPECT_THAT(refused.output, testing::HasSubstr("text: Permission denied"));
}

// It has not been told anything, so it does nothing when it goes on.
TEST_F(RunCommand, AsksNothingOfASupervisorThatDoesNotAnswer) {
  start();
  const auto supervisor = static_cast<pid_t>(server_->processes().front());
  ASSERT_EQ(::kill(supervisor, SIGSTOP), 0);
  for (const char* verb : {"stop", "upgrade"}) {
    const auto ended = ask({verb});
    EXPECT_EQ(ended.status.text(), "exit code 69") << ended.output;
  }
  ASSERT_EQ(::kill(supervisor, SIGCONT), 0);
  const auto history = ask({"history"});
  EXPECT_EQ(history.status.text(), "exit code 0") << history.output;
  EXPECT_EQ(ask({"upgrade"}).status.text(), "exit code 10");
  expect_stopped();
}

}  // namespace
}  // namespace relaunch::test
