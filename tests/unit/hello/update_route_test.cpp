#include "update_route.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace hello {
namespace {

using relaunch::Outcome;
using relaunch::Phase;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

Outcome rolled_back() {
  Outcome outcome;
  outcome.result = Outcome::Result::rolled_back;
  outcome.phase = Phase::probation;
  outcome.reason = "the successor ended: signal 11";
  outcome.serving_generation = 3;
  outcome.serving_pid = 71;
  return outcome;
}

TEST(UpdateQuery, NothingAskedForIsAnOrdinaryUpdate) {
  const auto request = parse_update_query("");
  ASSERT_TRUE(request);
  EXPECT_FALSE(request->force || request->end_probation || request->skip_build);
}

TEST(UpdateQuery, KnowsEachOptionWithAndWithoutItsValue) {
  EXPECT_TRUE(parse_update_query("force=1")->force);
  EXPECT_TRUE(parse_update_query("force")->force);
  EXPECT_FALSE(parse_update_query("force=0")->force);
  const auto all = parse_update_query("end-probation=1&skip-build=1&force=1");
  ASSERT_TRUE(all);
  EXPECT_TRUE(all->force && all->end_probation && all->skip_build);
}

TEST(UpdateQuery, RefusesWhatItDoesNotKnow) {
  for (const char* query : {"froce=1", "force=yes", "force=", "force=1&x=1",
                            "=1", "&", "FORCE=1"}) {
    EXPECT_FALSE(parse_update_query(query)) << query;
  }
}

TEST(OutcomeLine, SaysWhoServesAfterAnUpdate) {
  Outcome outcome;
  outcome.result = Outcome::Result::done;
  outcome.serving_generation = 2;
  outcome.serving_pid = 4711;
  outcome.release = "abc";
  EXPECT_EQ(outcome_line(outcome),
            "outcome: done generation=2 pid=4711 release=abc");
}

TEST(OutcomeLine, SaysWhereAndWhyAnUpdateWasTakenBack) {
  EXPECT_EQ(outcome_line(rolled_back()),
            "outcome: rolled back in probation: the successor ended: signal "
            "11; generation=3 pid=71 serves");
}

TEST(OutcomeLine, StaysOneLineWhateverTheReasonHolds) {
  auto outcome = rolled_back();
  outcome.reason = "a\noutcome: done\x1b[2J";
  EXPECT_THAT(outcome_line(outcome), HasSubstr(R"(a\x0aoutcome: done\x1b[2J)"));
  EXPECT_THAT(outcome_line(outcome), Not(HasSubstr("\n")));
}

TEST(UpdateFeed, TellsLinesInOrderAndTheOutcomeLast) {
  int rings = 0;
  UpdateFeed feed([&rings] { ++rings; });
  feed.add_line("[1/2] compiling");
  feed.add_line("\x1b[31mred");
  const auto first = feed.take();
  EXPECT_EQ(first.text, "[1/2] compiling\n\\x1b[31mred\n");
  EXPECT_FALSE(first.result);
  EXPECT_FALSE(feed.refused());
  feed.end(rolled_back());
  const auto last = feed.take();
  EXPECT_THAT(last.text, EndsWith("serves\n"));
  EXPECT_EQ(last.result, Outcome::Result::rolled_back);
  EXPECT_EQ(rings, 3);
}

TEST(UpdateFeed, AClientThatDoesNotReadCostsABoundedAmountOfMemory) {
  UpdateFeed feed([] {});
  const std::string line(100'000, 'x');
  for (int i = 0; i < 20; ++i) feed.add_line(line);
  feed.end(rolled_back());
  const auto news = feed.take();
  EXPECT_LE(news.text.size(), UpdateFeed::kMaxWaiting + 1000);
  EXPECT_THAT(news.text, HasSubstr("(10 lines were left out"));
  EXPECT_THAT(news.text, EndsWith("serves\n"));
}

}  // namespace
}  // namespace hello
