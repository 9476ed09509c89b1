#include "common/supervisor/generation_output.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "common/base/text.hpp"
#include "support/child.hpp"
#include "support/event_wait.hpp"

namespace relaunch::test {
namespace {

using supervisor::GenerationOutput;
using supervisor::LineWriter;
using testing::HasSubstr;

/// The supervisor's own streams.
struct Streams {
  static LineWriter::Write to(std::string& text, std::mutex& mutex,
                              std::shared_future<void> open) {
    return [&text, &mutex, open](std::string_view lines) {
      if (open.valid()) open.wait();
      const std::lock_guard lock{mutex};
      for (const char c : lines) {
        if (c != '\r') text += c;
      }
      return true;
    };
  }
  std::string read(std::string& text) {
    EXPECT_TRUE(output.flush(kPatience) && error.flush(kPatience));
    const std::lock_guard lock{mutex};
    return text;
  }
  explicit Streams(std::shared_future<void> open = {})
      : output(to(output_text, mutex, open)),
        error(to(error_text, mutex, {})) {}

  std::mutex mutex;
  std::string output_text;
  std::string error_text;
  LineWriter output;
  LineWriter error;
};

RELAUNCH_CHILD_MAIN(prints_to_both_streams) {
  for (int i = 0; i < 1'000; ++i) say(text::cat("line ", i));
  std::fputs("a warning\nand more", stderr);
  return 0;
}

bool ended(GenerationOutput& output, const os::Process& process,
           boost::asio::io_context& io) {
  return wait_until(io, [&] { return output.places(process.id()).empty(); });
}

TEST(GenerationOutput, EachLineSaysWhoseItIsOnTheStreamItCameFrom) {
  boost::asio::io_context io;
  Streams streams;
  GenerationOutput output{io, streams.output, streams.error};
  auto first = output.launch(child_request("prints_to_both_streams"), 1);
  auto second = output.launch(child_request("prints_to_both_streams"), 2);
  ASSERT_TRUE(first && second);
  const KilledAtEnd first_killed{*first};
  const KilledAtEnd second_killed{*second};
  EXPECT_EQ(output.places(first->id()).size(), 2u);
  ASSERT_TRUE(ended(output, *first, io) && ended(output, *second, io));
  const std::string text = streams.read(streams.output_text);
  std::string lines[2];
  std::size_t begin = 0;
  for (auto end = text.find('\n'); end != text.npos;
       begin = end + 1, end = text.find('\n', begin)) {
    const std::string line = text.substr(begin, end + 1 - begin);
    ASSERT_TRUE(line.starts_with("[1] ") || line.starts_with("[2] ")) << line;
    lines[line[1] - '1'] += line.substr(4);
  }
  std::string all;
  for (int i = 0; i < 1'000; ++i) all += text::cat("line ", i, '\n');
  EXPECT_TRUE(lines[0] == all) << lines[0].size();
  EXPECT_TRUE(lines[1] == all) << lines[1].size();
  for (const char* line : {"[1] a warning\n", "[1] and more\n",
                           "[2] a warning\n", "[2] and more\n"}) {
    EXPECT_THAT(streams.read(streams.error_text), HasSubstr(line));
  }
}

RELAUNCH_CHILD_MAIN(asks_and_waits) {
  std::printf("password: ");
  std::fflush(stdout);
  boost::asio::io_context io;
  wait_until(
      io, [] { return false; }, kPatience);
  return 0;
}

TEST(GenerationOutput, ALineThatIsNotEndedIsShownAllTheSame) {
  boost::asio::io_context io;
  Streams streams;
  GenerationOutput output{io, streams.output, streams.error};
  auto process = output.launch(child_request("asks_and_waits"), 7);
  ASSERT_TRUE(process);
  const KilledAtEnd killed{*process};
  EXPECT_TRUE(wait_until(io, [&] {
    return streams.read(streams.output_text) == "[7] password: \n";
  })) << streams.output_text;
}

RELAUNCH_CHILD_MAIN(prints_endlessly) {
  const std::string line(1'000, 'e');
  for (int i = 0; i < 20'000; ++i) say(line);
  return 0;
}

TEST(GenerationOutput, NobodyWhoReadsMakesTheGenerationWaitAndLosesNoLine) {
  boost::asio::io_context io;
  std::promise<void> open;
  Streams streams{open.get_future().share()};
  GenerationOutput output{io, streams.output, streams.error};
  auto process = output.launch(child_request("prints_endlessly"), 1);
  ASSERT_TRUE(process);
  const KilledAtEnd killed{*process};
  ASSERT_TRUE(wait_until(io, [&] { return streams.output.is_full(); }));
  EXPECT_FALSE(process->gone(std::chrono::milliseconds{200}));
  open.set_value();
  ASSERT_TRUE(ended(output, *process, io));
  EXPECT_EQ(streams.read(streams.output_text).size(), 20'000u * 1'005);
}

TEST(GenerationOutput, AnotherSupervisorReadsOn) {
  boost::asio::io_context io;
  Streams streams;
  std::optional<GenerationOutput> first;
  first.emplace(io, streams.output, streams.error);
  auto process =
      first->launch(child_request("talks_until_it_is_told_to_end"), 4);
  ASSERT_TRUE(process);
  const KilledAtEnd killed{*process};
  const auto places = first->places(process->id());
  ASSERT_EQ(places.size(), 2u);
  const auto shown = [&](std::string_view line) {
    return streams.read(streams.output_text).find(line) != std::string::npos;
  };
  ASSERT_TRUE(wait_until(io, [&] { return shown("[4] first\n"); }));
  first.reset();
  streams.output.flush(kPatience);
  {
    const std::lock_guard lock{streams.mutex};
    streams.output_text.clear();
  }
  GenerationOutput second{io, streams.output, streams.error};
  ASSERT_TRUE(second.take_back(*process, 4, places));
  EXPECT_EQ(second.places(process->id()), places);
  EXPECT_TRUE(wait_until(io, [&] { return shown("[4] still here "); }));
  EXPECT_FALSE(second.take_back(*process, 4, {"1:7", "nonsense"}));
}

RELAUNCH_CHILD_MAIN(prints_and_stays) {
  std::printf("no end of a line");
  std::fflush(stdout);
  std::fprintf(stderr, "printed\n");
  std::fflush(stderr);
  boost::asio::io_context io;
  wait_until(
      io, [] { return false; }, kPatience);
  return 0;
}

TEST(GenerationOutput, FinishShowsWhatWasPrintedThoughTheGenerationLives) {
  boost::asio::io_context io;
  Streams streams;
  GenerationOutput output{io, streams.output, streams.error};
  auto process = output.launch(child_request("prints_and_stays"), 3);
  ASSERT_TRUE(process);
  const KilledAtEnd killed{*process};
  ASSERT_TRUE(wait_until(
      io, [&] { return streams.read(streams.error_text) == "[3] printed\n"; }));
  output.finish();
  EXPECT_EQ(streams.read(streams.output_text), "[3] no end of a line\n");
  EXPECT_TRUE(output.places(process->id()).empty());
}

}  // namespace
}  // namespace relaunch::test
