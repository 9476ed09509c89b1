#include <gtest/gtest.h>

#include <cstdio>
#include <optional>
#include <string>

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

// More than one piece, less than a pipe holds.
const std::string kLastWords(30'000, 'w');

RELAUNCH_CHILD_MAIN(leaves_one_behind) {
  os::launch(child_request("stays_behind")).value();
  say(kLastWords);
  return 0;
}

// A program that has ended and left one that holds its output open.
class LeftBehind {
 public:
  explicit LeftBehind(os::OutputPipe& pipe) {
    auto request = child_request("leaves_one_behind");
    request.output = pipe.child_end();
    request.own_tree = true;
    process_ = os::launch(request).value();
    pipe.close_child_end();
    EXPECT_TRUE(wait_for_end(process_));
  }
  ~LeftBehind() {
    EXPECT_TRUE(process_.kill_tree());
    process_.exit_status();
  }
  LeftBehind(const LeftBehind&) = delete;
  LeftBehind& operator=(const LeftBehind&) = delete;

 private:
  os::Process process_;
};

TEST(OutputPipe, FinishPassesOnWhatWasWrittenAndEndsThoughAHolderLives) {
  boost::asio::io_context io;
  Collected output{io};
  output.start();
  run_ready(io);  // a read is under way when finish() comes
  const LeftBehind left{output.pipe};
  output.pipe.finish();
  ASSERT_TRUE(wait_until(io, [&] { return output.ends > 0; }));
  EXPECT_TRUE(output.text.starts_with(kLastWords)) << output.text.size();
  run_ready(io);
  EXPECT_EQ(output.ends, 1);
}

TEST(OutputPipe, MayBeDestroyedWhileItFinishes) {
  boost::asio::io_context io;
  auto output = std::make_optional(os::OutputPipe::open(io).value());
  int calls = 0;
  output->start([&](std::string_view) {
    output.reset();
    ++calls;
  });
  run_ready(io);
  const LeftBehind left{*output};
  output->finish();
  ASSERT_TRUE(wait_until(io, [&] { return calls > 0; }));
  run_ready(io);
  EXPECT_EQ(calls, 1);
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
