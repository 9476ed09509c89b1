#include "common/os/system.hpp"

#include <gtest/gtest.h>

#include "support/child.hpp"

namespace relaunch::test {
namespace {

TEST(System, RunningExecutableIsThisProgram) {
  const auto path = os::running_executable().value();
  EXPECT_TRUE(path.is_absolute());
  EXPECT_TRUE(std::filesystem::is_regular_file(path));
}

TEST(System, OwnArgumentsBeginWithTheName) {
  const auto arguments = os::own_arguments().value();
  ASSERT_FALSE(arguments.empty());
  EXPECT_FALSE(arguments.front().empty());
}

RELAUNCH_CHILD_MAIN(unsets_a_variable) {
  if (os::environment_variable("RELAUNCH_TEST_A") != "a=b") return 1;
  if (os::environment_variable("RELAUNCH_TEST_NONE")) return 2;
  os::unset_environment_variable("RELAUNCH_TEST_A");
  if (os::environment_variable("RELAUNCH_TEST_A")) return 3;
  for (const auto& entry : os::own_environment()) {
    if (entry.starts_with("RELAUNCH_TEST_A=")) return 4;
  }
  return 0;
}

TEST(System, VariableIsReadOnceAndThenGone) {
  auto request = child_request("unsets_a_variable");
  request.environment.push_back("RELAUNCH_TEST_A=a=b");
  EXPECT_EQ(run_child(std::move(request)).status.text(), "exit code 0");
}

TEST(System, OrdinaryProcessCanBeReplaced) {
  EXPECT_FALSE(os::why_not_replaceable());
}

TEST(System, StateFolderIsAbsolute) {
  const auto folder = os::default_state_folder().value();
  EXPECT_TRUE(folder.is_absolute());
  EXPECT_EQ(folder.filename(), "relaunch");
}

}  // namespace
}  // namespace relaunch::test
