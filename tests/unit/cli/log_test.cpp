#include "cli/log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <mutex>
#include <regex>
#include <string>

#include "support/scratch_folder.hpp"

namespace relaunch::cli {
namespace {

using namespace std::chrono_literals;
using supervisor::LineWriter;
using supervisor::LogFormat;
using test::file_content;
using test::ScratchFolder;
using testing::HasSubstr;

observe::Event ended() {
  observe::Event event;
  event.sequence = 7;
  event.time = std::chrono::system_clock::time_point{1'700'000'000s};
  event.name = observe::name::kUpgradeEnded;
  event.level = LogLevel::warning;
  event.upgrade = 2;
  event.outcome = "failed";
  event.message = "said \"no\"\nand more";
  return event;
}

struct ErrorStream {
  std::mutex mutex;
  std::string text;
  LineWriter writer{[this](std::string_view lines) {
    const std::lock_guard lock{mutex};
    text += lines;
    return true;
  }};
  std::string read() {
    writer.flush(10s);
    const std::lock_guard lock{mutex};
    return text;
  }
};

TEST(Log, WritesOneLineForEachTransitionInTheChosenFormat) {
  const auto line = [](LogFormat format) {
    ErrorStream stream;
    auto log = Log::open(format, {}, stream.writer);
    log->write(ended());
    return stream.read();
  };
  EXPECT_EQ(line(LogFormat::logfmt), observe::to_logfmt(ended()) + "\n");
  EXPECT_EQ(line(LogFormat::json),
            R"({"sequence":7,"time":"2023-11-14T22:13:20.000Z",)"
            R"("level":"warning","event":"upgrade.ended","upgrade":2,)"
            R"("outcome":"failed","message":"said \"no\"\\x0Aand more"})"
            "\n");
  const std::string text = line(LogFormat::text);
  EXPECT_TRUE(std::regex_match(
      text, std::regex{R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z warning )"
                       R"(upgrade\.ended: upgrade=2 outcome=failed: )"
                       R"(said "no"\\x0Aand more)"
                       "\n"}))
      << text;
}

TEST(Log, SentencesAreEventsOfTheirOwnName) {
  ErrorStream stream;
  auto log = Log::open(LogFormat::logfmt, {}, stream.writer);
  const LogSink sink = log->sink();
  sink(LogLevel::warning, "cannot do it");
  sink(LogLevel::debug, "of no interest");
  EXPECT_TRUE(stream.read().ends_with(
      " level=warning event=log message=\"cannot do it\"\n"))
      << stream.read();
}

TEST(Log, GoesOnInANewFileWhenTheOldOneWasRenamed) {
  const ScratchFolder scratch;
  const auto file = scratch / std::filesystem::path{u8"relaunch-\u00e9.log"};
  ErrorStream stream;
  auto log = Log::open(LogFormat::logfmt, file, stream.writer);
  ASSERT_TRUE(log) << log.error().text();
  log->sink()(LogLevel::info, "before");
  std::error_code held;
  std::filesystem::rename(file, scratch / "old.log", held);
  if (held) GTEST_SKIP() << "an open file cannot be renamed here";
  log->sink()(LogLevel::info, "between");
  ASSERT_TRUE(log->reopen());
  log->sink()(LogLevel::info, "after");
  EXPECT_THAT(file_content(scratch / "old.log"), HasSubstr("between"));
  const std::string fresh = file_content(file);
  EXPECT_THAT(fresh, HasSubstr("after"));
  EXPECT_EQ(fresh.find("between"), fresh.npos);
  EXPECT_EQ(stream.read(), "");
}

TEST(Log, AFileThatCannotBeOpenedIsAnErrorThatSaysWhy) {
  const ScratchFolder scratch;
  ErrorStream stream;
  const auto file = scratch / "missing" / "dir";
  test::write_file(scratch / "missing", "a file");
  const auto log = Log::open(LogFormat::text, file, stream.writer);
  ASSERT_FALSE(log);
  EXPECT_TRUE(log.error().text().starts_with("cannot open the log "))
      << log.error().text();
}

}  // namespace
}  // namespace relaunch::cli
