// What makes the linker of these tests a real one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "linker/linking.hpp"

namespace relaunch::test {
namespace {

using testing::HasSubstr;

TEST(RealLinker, CannotWriteAProgramThatRuns) {
  LinkedExample example("one");
  ASSERT_NE(example.start(), 0) << example.process().output();
  const ChildResult linked = example.link();
  EXPECT_FALSE(linked.status.success());
  EXPECT_THAT(linked.output, HasSubstr("Permission denied"));
  EXPECT_TRUE(example.process().stop(std::chrono::seconds{30}));
  EXPECT_TRUE(example.link().status.success());
}

}  // namespace
}  // namespace relaunch::test
