#include "common/observe/event.hpp"

#include <gtest/gtest.h>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <string>

namespace relaunch::observe {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;

Event committed() {
  Event event;
  event.sequence = 12;
  event.time = std::chrono::sys_days{std::chrono::year{2026} / 11 / 22} + 23h +
               14min + 5s + 120ms;
  event.name = name::kUpgradeEnded;
  event.upgrade = 3;
  event.generation = 4;
  event.pid = 4711;
  event.phase = "commit";
  event.outcome = "done";
  event.release = "a1b2c3";
  event.duration = 1'204ms;
  event.message = "generation 4 serves";
  return event;
}

TEST(Event, IsOneLineOfLogfmt) {
  EXPECT_EQ(to_logfmt(committed()),
            "time=2026-11-22T23:14:05.120Z level=info event=upgrade.ended "
            "sequence=12 upgrade=3 generation=4 pid=4711 phase=commit "
            "outcome=done release=a1b2c3 duration_ms=1204 "
            "message=\"generation 4 serves\"");
}

TEST(Event, IsOneLineOfText) {
  EXPECT_EQ(to_text(committed()),
            "upgrade.ended: upgrade=3 generation=4 pid=4711 phase=commit "
            "outcome=done release=a1b2c3 duration_ms=1204: "
            "generation 4 serves");
  Event bare;
  bare.name = name::kSupervisorStopped;
  EXPECT_EQ(to_text(bare), "supervisor.stopped");
}

TEST(Event, IsOneObjectOfJson) {
  EXPECT_EQ(boost::json::serialize(to_json(committed())),
            R"({"sequence":12,"time":"2026-11-22T23:14:05.120Z",)"
            R"("level":"info","event":"upgrade.ended","upgrade":3,)"
            R"("generation":4,"pid":4711,"phase":"commit","outcome":"done",)"
            R"("release":"a1b2c3","duration_ms":1204,)"
            R"("message":"generation 4 serves"})");
}

TEST(Event, SaysNothingOfWhatDoesNotApply) {
  Event event;
  event.sequence = 1;
  event.name = name::kCrashLoop;
  event.level = LogLevel::error;
  EXPECT_EQ(to_logfmt(event),
            "time=1970-01-01T00:00:00.000Z level=error event=crash_loop "
            "sequence=1");
  event.duration = 0ms;
  EXPECT_NE(to_logfmt(event).find("duration_ms=0"), std::string::npos);
}

TEST(Event, NothingInATextBeginsAKeyALineOrATerminalSequence) {
  Event event = committed();
  event.release = "a b=c\" outcome=failed";
  event.message =
      "first\nlevel=error\r\x1b[2J \x7f \xC2\x9B"
      "2J \xFF back\\slash\0"s;
  EXPECT_EQ(
      to_logfmt(event),
      "time=2026-11-22T23:14:05.120Z level=info event=upgrade.ended "
      "sequence=12 upgrade=3 generation=4 pid=4711 phase=commit outcome=done "
      R"(release="a b=c\" outcome=failed" duration_ms=1204 )"
      R"(message="first\\x0Alevel=error\\x0D\\x1B[2J \\x7F \\xC2\\x9B2J )"
      R"(\\xFF back\\slash\\x00")");
  const std::string json = boost::json::serialize(to_json(event));
  const std::string text = to_text(event);
  for (const std::string& written : {json, text}) {
    for (const unsigned char c : written) {
      EXPECT_TRUE(c >= ' ' && c < 0x7F) << written;
    }
  }
}

TEST(Event, KeepsCharactersThatAreNoControl) {
  Event event;
  event.name = "log";
  event.message = "caf\xC3\xA9";
  EXPECT_NE(to_logfmt(event).find("message=\"caf\xC3\xA9\""),
            std::string::npos);
}

TEST(Event, ComesBackFromItsJson) {
  const Event event = committed();
  const auto back = event_from_json(to_json(event));
  ASSERT_TRUE(back);
  EXPECT_EQ(to_logfmt(*back), to_logfmt(event));
  Event hostile = committed();
  hostile.level = LogLevel::error;
  hostile.message = "a\nb";
  const auto tamed = event_from_json(to_json(hostile));
  ASSERT_TRUE(tamed);
  EXPECT_EQ(tamed->level, LogLevel::error);
  EXPECT_EQ(tamed->message, R"(a\x0Ab)");
}

TEST(Event, OfANewerReleaseIsReadAndABrokenOneIsNot) {
  const auto read = [](std::string_view text) {
    const boost::json::value value = boost::json::parse(text);
    return event_from_json(value.get_object());
  };
  constexpr std::string_view kTime = R"("time":"2026-11-22T23:14:05.120Z",)";
  EXPECT_TRUE(read("{"s + std::string{kTime} +
                   R"("sequence":1,"event":"new.one","more":[1,2]})"));
  for (const char* broken : {
           R"({})",
           R"({"sequence":1,"event":"x"})",
           R"({"time":"2026-11-22T23:14:05.120Z","event":"x"})",
           R"({"time":"2026-11-22T23:14:05.120Z","sequence":1})",
           R"({"time":"2026-11-22T23:14:05.120Z","sequence":-1,"event":"x"})",
           R"({"time":"2026-11-22T23:14:05.120Z","sequence":1,"event":7})",
           R"({"time":"2026-13-22T23:14:05.120Z","sequence":1,"event":"x"})",
           R"({"time":"2026-11-22 23:14:05","sequence":1,"event":"x"})",
           R"({"time":"2026-11-22T23:14:05.120Z","sequence":1,"event":"x",)"
           R"("level":"loud"})",
           R"({"time":"2026-11-22T23:14:05.120Z","sequence":1,"event":"x",)"
           R"("pid":4294967296})",
       }) {
    EXPECT_FALSE(read(broken)) << broken;
  }
}

}  // namespace
}  // namespace relaunch::observe
