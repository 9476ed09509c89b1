#include <gtest/gtest.h>

#include <cstdio>
#include <optional>

#include "common/base/text.hpp"
#include "common/os/process.hpp"
#include "support/child.hpp"
#include "support/event_wait.hpp"

namespace relaunch::test {
namespace {

RELAUNCH_CHILD_MAIN(prints_much) {
  for (int i = 0; i < 3000; ++i) say(text::cat("line ", i));
  std::fputs("to the error stream", stderr);
  return 0;
}

TEST(OutputPipe, EverythingThatBothStreamsGetArrivesInOrder) {
  std::string expected;
  for (int i = 0; i < 3000; ++i) expected += text::cat("line ", i, '\n');
  expected += "to the error stream";
  const auto result = run_child(child_request("prints_much"));
  EXPECT_TRUE(result.in_time);
  EXPECT_TRUE(result.output == expected) << result.output.size() << " bytes";
}

struct Collected {
  explicit Collected(boost::asio::io_context& io)
      : pipe(os::OutputPipe::open(io).value()) {}
  void start() {
    pipe.start([this](std::string_view bytes) {
      EXPECT_EQ(ends, 0) << "called after the end";
      text += bytes;
      if (bytes.empty()) ++ends;
    });
  }
  os::OutputPipe pipe;
  std::string text;
  int ends = 0;
};

TEST(OutputPipe, EndsByItselfWhenAllWritersAreGone) {
  boost::asio::io_context io;
  Collected output{io};
  auto request = child_request("prints_much");
  request.output = output.pipe.child_end();
  auto process = os::launch(request).value();
  const KilledAtEnd killed{process};
  output.pipe.close_child_end();
  output.start();
  EXPECT_TRUE(wait_until(io, [&] { return output.ends > 0; }));
  output.pipe.finish();
  run_ready(io);
  EXPECT_EQ(output.ends, 1);
}

RELAUNCH_CHILD_MAIN(stays_behind) {
  boost::asio::io_context io;
  wait_until(
      io, [] { return false; }, kPatience);
  return 0;
}

RELAUNCH_CHILD_MAIN(leaves_one_behind) {
  os::launch(child_request("stays_behind")).value();
  say("last words");
  return 0;
}

TEST(OutputPipe, FinishPassesOnWhatWasWrittenAndEndsThoughAHolderLives) {
  boost::asio::io_context io;
  Collected output{io};
  auto request = child_request("leaves_one_behind");
  request.output = output.pipe.child_end();
  request.own_tree = true;
  auto process = os::launch(request).value();
  output.pipe.close_child_end();
  ASSERT_TRUE(wait_for_end(process));
  output.start();
  output.pipe.finish();
  ASSERT_TRUE(wait_until(io, [&] { return output.ends > 0; }));
  EXPECT_TRUE(output.text.starts_with("last words"));
  run_ready(io);
  EXPECT_EQ(output.ends, 1);
  EXPECT_TRUE(process.kill_tree());
  process.exit_status();
}

TEST(OutputPipe, MayBeDestroyedInItsCallback) {
  boost::asio::io_context io;
  auto output = std::make_optional(os::OutputPipe::open(io).value());
  auto request = child_request("prints_much");
  request.output = output->child_end();
  auto process = os::launch(request).value();
  const KilledAtEnd killed{process};
  output->close_child_end();
  int calls = 0;
  output->start([&](std::string_view) {
    output.reset();
    ++calls;
  });
  ASSERT_TRUE(wait_until(io, [&] { return calls > 0; }));
  run_ready(io);
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace relaunch::test
