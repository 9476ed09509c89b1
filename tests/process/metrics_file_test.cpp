#include "common/supervisor/metrics_file.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "support/event_wait.hpp"
#include "support/scratch_folder.hpp"

namespace relaunch::test {
namespace {

TEST(MetricsFile, IsWrittenOnceForAllThatChangedAndRemovedAtTheEnd) {
  const ScratchFolder scratch;
  const auto path = scratch / "relaunch.prom";
  boost::asio::io_context io;
  int asked = 0;
  {
    supervisor::MetricsFile file{
        io, path, [&] { return "metric " + std::to_string(++asked) + "\n"; },
        [](const Error& error) { ADD_FAILURE() << error.text(); }};
    for (int i = 0; i < 100; ++i) file.changed();
    EXPECT_FALSE(std::filesystem::exists(path));
    ASSERT_TRUE(wait_until(io, [&] { return asked > 0; }));
    EXPECT_EQ(file_content(path), "metric 1\n");
    file.changed();
    ASSERT_TRUE(wait_until(io, [&] { return asked > 1; }));
    EXPECT_EQ(file_content(path), "metric 2\n");
  }
  EXPECT_FALSE(std::filesystem::exists(path));
  run_ready(io);
  EXPECT_EQ(asked, 2);
}

TEST(MetricsFile, ThatCannotBeWrittenIsToldAndTriedAgainAtTheNextChange) {
  const ScratchFolder scratch;
  const auto folder = scratch / "later";
  boost::asio::io_context io;
  int errors = 0;
  supervisor::MetricsFile file{io, folder / "relaunch.prom",
                               [] { return std::string{"metric 1\n"}; },
                               [&](const Error&) { ++errors; }};
  file.changed();
  ASSERT_TRUE(wait_until(io, [&] { return errors > 0; }));
  std::filesystem::create_directory(folder);
  file.changed();
  EXPECT_TRUE(wait_until(
      io, [&] { return std::filesystem::exists(folder / "relaunch.prom"); }));
  EXPECT_EQ(errors, 1);
}

}  // namespace
}  // namespace relaunch::test
