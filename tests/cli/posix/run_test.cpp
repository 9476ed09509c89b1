#include "cli/run_fixture.hpp"

namespace relaunch::test {
namespace {

TEST_F(RunCommand, IsRefusedWithAProgramThatCannotRun) {
  const auto text = folder_ / "text";
  write_file(text, "no program\n");
  const auto refused = ask({"run", "--", text::utf8(text)});
  EXPECT_EQ(refused.status.text(), "exit code 65") << refused.output;
  EXPECT_THAT(refused.output, testing::HasSubstr("text is not executable"));
}

}  // namespace
}  // namespace relaunch::test
