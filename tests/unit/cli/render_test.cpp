#include "cli/render.hpp"

#include <gmock/gmock.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include "common/observe/event.hpp"
#include "common/observe/history.hpp"

namespace relaunch::cli {
namespace {

namespace json = boost::json;
using testing::HasSubstr;
using testing::Not;

Outcome failed_in_build() {
  Outcome outcome;
  outcome.result = Outcome::Result::failed;
  outcome.phase = Phase::build;
  outcome.code = errc::build_failed;
  outcome.reason = "the build failed: exit code 2\x1b[2J";
  outcome.serving_generation = 1;
  outcome.serving_pid = 70;
  outcome.phases = {{Phase::build, std::chrono::microseconds{0}},
                    {Phase::idle, std::chrono::microseconds{9'500}}};
  return outcome;
}

TEST(OutcomeLine, SaysWhoServesAndWhy) {
  EXPECT_EQ(outcome_line(failed_in_build()),
            "failed in build: the build failed: exit code 2\\x1B[2J; "
            "generation=1 pid=70 serves took_ms=9\n");
  Outcome done;
  done.result = Outcome::Result::done;
  done.serving_generation = 2;
  done.serving_pid = 71;
  done.release = "abc";
  EXPECT_EQ(outcome_line(done),
            "done: generation=2 pid=71 release=abc took_ms=0\n");
}

TEST(OutcomeJson, IsOneLineWithItsSchema) {
  const auto line = outcome_json(failed_in_build());
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  const auto object = json::parse(line).as_object();
  EXPECT_EQ(object.at("schema").as_int64(), 1);
  EXPECT_EQ(object.at("outcome").as_string(), "failed");
  EXPECT_EQ(object.at("phase").as_string(), "build");
}

TEST(StatusText, ShowsWhatItDoesNotKnowToo) {
  const json::object status{
      {"schema", 1},
      {"name", "shop"},
      {"last_outcome", ""},
      {"listeners", json::array{{{"name", "http"}, {"address", "tcp://x"}}}},
      {"new_thing", {{"a", 1}, {"b_c", "x\x1b[2J"}}}};
  EXPECT_EQ(status_text(status),
            "name          shop\n"
            "listeners\n"
            "  name=http  address=tcp://x\n"
            "new thing\n"
            "  a    1\n"
            "  b c  x\\x1B[2J\n");
}

TEST(HistoryText, HasALineForEachUpgrade) {
  json::array history;
  history.push_back(observe::to_json(observe::history_entry(
      1, failed_in_build(), std::chrono::milliseconds{9})));
  history.emplace_back("not an object");
  const auto text = history_text(history);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
  EXPECT_THAT(text, HasSubstr("failed in build  generation=1 pid=70"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
}

TEST(EventText, IsOneLineWithItsTime) {
  observe::Event event;
  event.sequence = 7;
  event.time = *observe::from_timestamp("2026-11-22T23:14:05.120Z");
  event.name = observe::name::kUpgradePhase;
  event.phase = "build";
  const auto text = event_text(observe::to_json(event));
  EXPECT_THAT(text, testing::StartsWith("2026-11-22T23:14:05.120Z info "));
  EXPECT_THAT(text, HasSubstr("phase=build"));
  EXPECT_EQ(text.find('\n'), text.size() - 1);
}

TEST(EventText, OfAnotherMakingIsShownAllTheSame) {
  EXPECT_EQ(event_text({{"what", "x\n"}}), "what=x\\x0A\n");
}

}  // namespace
}  // namespace relaunch::cli
