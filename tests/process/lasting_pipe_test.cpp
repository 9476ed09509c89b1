#include "common/os/lasting_pipe.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <optional>
#include <string>

#include "common/base/text.hpp"
#include "support/child.hpp"
#include "support/event_wait.hpp"
#include "support/system_facts.hpp"

namespace relaunch::test {
namespace {

using os::LastingPipe;
using os::Stream;

struct Reader {
  explicit Reader(LastingPipe opened) : pipe(std::move(opened)) {}
  void start() {
    pipe.start([this](std::string_view bytes) {
      EXPECT_EQ(ends, 0) << "called after the end";
      for (const char c : bytes) {
        if (c != '\r') text += c;
      }
      if (bytes.empty()) ++ends;
    });
  }
  bool has(std::string_view part) const {
    return text.find(part) != std::string::npos;
  }
  LastingPipe pipe;
  std::string text;
  int ends = 0;
};

Reader open_reader(boost::asio::io_context& io, Stream stream) {
  return Reader{LastingPipe::open(io, stream).value()};
}

RELAUNCH_CHILD_MAIN(writes_to_both_streams) {
  for (int i = 0; i < 3'000; ++i) say(text::cat("line ", i));
  std::fputs("to the error stream", stderr);
  return 0;
}

TEST(LastingPipe, EverythingOfEachStreamArrivesInOrderAndThenItsEnd) {
  boost::asio::io_context io;
  Reader output = open_reader(io, Stream::output);
  Reader error = open_reader(io, Stream::error);
  auto request = child_request("writes_to_both_streams");
  request.output = output.pipe.child_end();
  request.error = error.pipe.child_end();
  auto process = os::launch(request).value();
  const KilledAtEnd killed{process};
  for (Reader* each : {&output, &error}) {
    ASSERT_TRUE(each->pipe.keep_with(process));
    each->pipe.close_child_end();
    each->start();
  }
  ASSERT_TRUE(
      wait_until(io, [&] { return output.ends > 0 && error.ends > 0; }));
  std::string expected;
  for (int i = 0; i < 3'000; ++i) expected += text::cat("line ", i, '\n');
  EXPECT_TRUE(output.text == expected) << output.text.size() << " bytes";
  EXPECT_EQ(error.text, "to the error stream");
}

// What a generation does under its supervisor: writes when it is told to.
RELAUNCH_CHILD_MAIN(writes_when_told) {
  boost::asio::io_context io;
  os::Channel channel{io, inherited_channel_end()};
  bool lost = false;
  channel.start(
      [&](os::Received received) {
        const std::string line(std::stoul(received.frame.body), 'w');
        const bool written = std::printf("%s%s\n", received.frame.head.c_str(),
                                         line.c_str()) >= 0 &&
                             std::fflush(stdout) == 0;
        channel.send({written ? "written" : "failed", {}, {}, 0});
      },
      [&](Error) { lost = true; });
  return wait_until(io, [&] { return lost; }) ? 0 : 1;
}

struct Writer {
  explicit Writer(boost::asio::io_context& io_context, LastingPipe& pipe)
      : io(io_context), child(start(pipe)), killed(child.process) {
    child.channel.start(
        [this](os::Received received) { answer = received.frame.head; },
        [](Error) {});
    place = pipe.keep_with(child.process).value();
    pipe.close_child_end();
  }
  LinkedChild start(LastingPipe& pipe) {
    auto request = child_request("writes_when_told");
    request.output = pipe.child_end();
    return start_linked(io, std::move(request));
  }
  void tell(std::string word, std::size_t more = 0) {
    answer.clear();
    child.channel.send({std::move(word), std::to_string(more), {}, 0});
  }
  bool answered(std::chrono::milliseconds limit = kPatience) {
    return wait_until(
        io, [&] { return !answer.empty(); }, limit);
  }
  boost::asio::io_context& io;
  LinkedChild child;
  KilledAtEnd killed;
  std::string answer;
  std::string place;
};

TEST(LastingPipe, WriterNeitherFailsNorWaitsWhenItsReaderIsGone) {
  boost::asio::io_context io;
  auto reader =
      std::make_optional(LastingPipe::open(io, Stream::output).value());
  Writer writer{io, *reader};
  reader->start([](std::string_view) {});
  run_ready(io);
  reader.reset();
  for (int i = 0; i < 30; ++i) {
    writer.tell("more", 1'000);
    ASSERT_TRUE(writer.answered());
    ASSERT_EQ(writer.answer, "written");
  }
  EXPECT_FALSE(writer.child.process.gone());
}

TEST(LastingPipe, AnotherReaderGoesOnWhereTheFirstStopped) {
  boost::asio::io_context io;
  std::optional<Reader> first{open_reader(io, Stream::output)};
  Writer writer{io, first->pipe};
  first->start();
  writer.tell("for the first");
  ASSERT_TRUE(wait_until(io, [&] { return first->has("for the first\n"); }));
  first.reset();
  writer.tell("while nobody reads");
  ASSERT_TRUE(writer.answered());

  auto taken = LastingPipe::take_back(io, writer.child.process, writer.place);
  ASSERT_TRUE(taken) << taken.error().text();
  Reader second{std::move(*taken)};
  second.start();
  writer.tell("for the second");
  ASSERT_TRUE(wait_until(io, [&] { return second.has("for the second\n"); }));
  EXPECT_EQ(second.text, "while nobody reads\nfor the second\n");
  ASSERT_TRUE(writer.child.process.kill());
  EXPECT_TRUE(wait_until(io, [&] { return second.ends > 0; }));
}

// A supervisor that is killed, in a process of its own: it starts a writer,
// tells where its stream is, and hangs.
RELAUNCH_CHILD_MAIN(reads_and_is_killed) {
  boost::asio::io_context io;
  Reader reader = open_reader(io, Stream::output);
  os::Channel channel{io, inherited_channel_end()};
  channel.start([](os::Received) {}, [](Error) {});
  auto request = child_request("talks_until_it_is_told_to_end");
  request.output = reader.pipe.child_end();
  const auto process = os::launch(request).value();
  const auto place = reader.pipe.keep_with(process).value();
  reader.pipe.close_child_end();
  reader.start();
  wait_until(io, [&] { return reader.has("first\n"); });
  channel.send({place, std::to_string(process.id()), {}, 0});
  wait_until(
      io, [] { return false; }, kPatience);
  return 1;
}

// Goes on talking, so that it writes before, while and after nobody reads.
RELAUNCH_CHILD_MAIN(talks_until_it_is_told_to_end) {
  boost::asio::io_context io;
  say("first");
  const auto end = std::chrono::steady_clock::now() + kPatience;
  for (int i = 0; std::chrono::steady_clock::now() < end; ++i) {
    if (std::printf("still here %d\n", i) < 0 || std::fflush(stdout) != 0) {
      return 2;
    }
    wait_until(
        io, [] { return false; }, std::chrono::milliseconds{20});
  }
  return 0;
}

TEST(LastingPipe, OfAKilledReaderIsReadOnByAnotherProcess) {
  boost::asio::io_context io;
  std::string place;
  os::ProcessId id = 0;
  auto reader = start_linked(io, child_request("reads_and_is_killed"));
  const KilledAtEnd reader_killed{reader.process};
  reader.channel.start(
      [&](os::Received received) {
        place = received.frame.head;
        id = static_cast<os::ProcessId>(std::stoul(received.frame.body));
      },
      [](Error) {});
  ASSERT_TRUE(wait_until(io, [&] { return id != 0; }));
  auto writer = os::open_process(id).value();
  const KilledAtEnd writer_killed{writer};
  ASSERT_TRUE(reader.process.kill());
  ASSERT_TRUE(wait_for_end(reader.process));

  auto taken = LastingPipe::take_back(io, writer, place);
  ASSERT_TRUE(taken) << taken.error().text();
  Reader second{std::move(*taken)};
  second.start();
  EXPECT_TRUE(wait_until(io, [&] { return second.has("still here 2"); }));
  EXPECT_FALSE(writer.gone());
}

TEST(LastingPipe, IsNotTakenBackFromAnEndedProcessOrAnotherStream) {
  boost::asio::io_context io;
  Reader reader = open_reader(io, Stream::output);
  Writer writer{io, reader.pipe};
  EXPECT_FALSE(LastingPipe::take_back(io, writer.child.process, ""));
  EXPECT_FALSE(LastingPipe::take_back(io, writer.child.process, "1:"));
  EXPECT_FALSE(LastingPipe::take_back(io, writer.child.process, "1:999999999"));
  EXPECT_FALSE(LastingPipe::take_back(io, writer.child.process, "2:1"));
  ASSERT_TRUE(writer.child.process.kill());
  ASSERT_TRUE(wait_for_end(writer.child.process));
  EXPECT_FALSE(LastingPipe::take_back(io, writer.child.process, writer.place));
}

TEST(LastingPipe, WriterWaitsForAReaderThatPausesAndLosesNothing) {
  boost::asio::io_context io;
  Reader reader = open_reader(io, Stream::output);
  Writer writer{io, reader.pipe};
  reader.start();
  reader.pipe.pause();
  constexpr std::size_t kMuch = 8 << 20;  // more than any pipe holds
  writer.tell("begin", kMuch);
  EXPECT_FALSE(writer.answered(std::chrono::milliseconds{300}));
  EXPECT_LT(reader.text.size(), 64u * 1024);
  reader.pipe.resume();
  ASSERT_TRUE(wait_until(io, [&] { return reader.text.ends_with("w\n"); }));
  EXPECT_TRUE(writer.answered());
  EXPECT_EQ(reader.text.size(), kMuch + 6);
}

TEST(LastingPipe, FinishPassesOnWhatWasWrittenThoughTheWriterLives) {
  boost::asio::io_context io;
  Reader reader = open_reader(io, Stream::output);
  Writer writer{io, reader.pipe};
  reader.start();
  reader.pipe.pause();
  writer.tell("last words", 20'000);
  ASSERT_TRUE(writer.answered());
  reader.pipe.finish();
  EXPECT_EQ(reader.ends, 1);
  EXPECT_EQ(reader.text.size(), 20'011u);
  reader.pipe.finish();
  run_ready(io);
  EXPECT_EQ(reader.ends, 1);
}

TEST(LastingPipe, MayBeDestroyedInItsCallback) {
  boost::asio::io_context io;
  auto pipe = std::make_optional(LastingPipe::open(io, Stream::output).value());
  Writer writer{io, *pipe};
  int calls = 0;
  pipe->start([&](std::string_view) {
    pipe.reset();
    ++calls;
  });
  writer.tell("once");
  ASSERT_TRUE(wait_until(io, [&] { return calls > 0; }));
  run_ready(io);
  EXPECT_EQ(calls, 1);
}

TEST(LastingPipe, LeavesNoHandleBehind) {
  boost::asio::io_context io;
  const auto open_and_end = [&] {
    Reader reader = open_reader(io, Stream::output);
    auto request = child_request("writes_to_both_streams");
    request.output = reader.pipe.child_end();
    auto process = os::launch(request).value();
    const KilledAtEnd killed{process};
    ASSERT_TRUE(reader.pipe.keep_with(process));
    reader.pipe.close_child_end();
    reader.start();
    ASSERT_TRUE(wait_until(io, [&] { return reader.ends > 0; }));
    ASSERT_TRUE(wait_for_end(process));
    process.exit_status();
  };
  open_and_end();
  run_ready(io);
  const auto before = own_facts().handles;
  for (int i = 0; i < 3; ++i) open_and_end();
  run_ready(io);
  EXPECT_LE(own_facts().handles, before);
}

}  // namespace
}  // namespace relaunch::test
