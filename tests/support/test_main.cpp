// The main() of every test program: the tests, or the body of one child.
#include <gtest/gtest.h>

#include <cstdio>

#include "common/os/system.hpp"
#include "support/child.hpp"

int main(int argc, char** argv) {
  // Not argv: on Windows it is not UTF-8.
  const auto arguments = relaunch::os::own_arguments();
  if (!arguments) {
    std::fprintf(stderr, "%s\n", arguments.error().what());
    return 2;
  }
  if (relaunch::test::is_child(*arguments)) {
    return relaunch::test::run_child_body(*arguments);
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
