// State that a successor asks its incumbent for.
#include "upgrade/upgrade_fixture.hpp"

namespace relaunch::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

/// A release that says what it got.
Recipe inheriting(const std::string& how, const Recipe& more = {}) {
  Recipe recipe{{"greeting", "two"}, {"inherits", how}};
  recipe.insert(more.begin(), more.end());
  return recipe;
}

Recipe providing(const Recipe& more) {
  Recipe recipe{{"greeting", "one"}};
  recipe.insert(more.begin(), more.end());
  return recipe;
}

bool says(ServerUnderTest& server, const std::string& line) {
  return server.process().wait_for_line(line, kStepDeadline).has_value();
}

TEST(State, ComesWhileTheIncumbentServes) {
  ServerUnderTest server({.first = providing({{"state", "the rows"}})});
  const UpdateAnswer answer = server.update_to(inheriting("required"));
  EXPECT_THAT(answer.outcome, StartsWith("done generation=2"))
      << server.process().output();
  EXPECT_TRUE(says(server, "state: the rows")) << server.process().output();
  const std::string output = server.process().output();
  EXPECT_LT(output.find("state: the rows"), output.rfind("took the turn"))
      << output;
  expect_next_upgrade_works(server, 2);
}

TEST(State, OfEachGenerationIsItsOwn) {
  ServerUnderTest server({.first = providing({{"state", "of one"}})});
  EXPECT_THAT(
      server.update_to(inheriting("required", {{"state", "of two"}})).outcome,
      StartsWith("done"));
  EXPECT_THAT(server
                  .update_to(inheriting("required", {{"greeting", "three"},
                                                     {"state_thread", "1"}}))
                  .outcome,
              StartsWith("done"))
      << server.process().output();
  EXPECT_TRUE(says(server, "state: of one"));
  EXPECT_TRUE(says(server, "state: of two")) << server.process().output();
}

TEST(State, OfAFirstGenerationIsColdAlsoWhereItIsRequired) {
  ServerUnderTest server({.first = inheriting("required")});
  EXPECT_TRUE(says(server, "state: none, ")) << server.process().output();
  EXPECT_EQ(server.hello(), "two");
}

TEST(State, WhatIsOptionalAndMissingIsAColdStartWithTheReason) {
  ServerUnderTest server;
  EXPECT_THAT(server.update_to(inheriting("optional")).outcome,
              StartsWith("done generation=2"));
  EXPECT_TRUE(says(server,
                   "state: none, cannot inherit state 'cache': there is no "
                   "state 'cache'"))
      << server.process().output();
  expect_next_upgrade_works(server, 2);
}

struct Misfit {
  std::string name;
  Recipe provides;
  Recipe wishes;
  std::string why;
};

std::ostream& operator<<(std::ostream& out, const Misfit& misfit) {
  return out << misfit.name;
}

class StateMisfit : public testing::TestWithParam<Misfit> {};

TEST_P(StateMisfit, OfARequiredOneAbandonsTheUpgradeWithTheReason) {
  const Misfit& misfit = GetParam();
  ServerUnderTest server({.first = providing(misfit.provides)});
  const UpdateAnswer answer =
      server.update_to(inheriting("required", misfit.wishes));
  EXPECT_THAT(answer.outcome,
              AllOf(StartsWith("failed"), HasSubstr(misfit.why)))
      << server.process().output();
  // It has the time to say so itself.
  EXPECT_TRUE(
      server.process().wait_for_line("failed: cannot inherit", kStepDeadline));
  expect_untouched(server);
  expect_next_upgrade_works(server);
}

TEST_P(StateMisfit, OfAnOptionalOneIsAColdStartWithTheReason) {
  const Misfit& misfit = GetParam();
  ServerUnderTest server({.first = providing(misfit.provides)});
  EXPECT_THAT(server.update_to(inheriting("optional", misfit.wishes)).outcome,
              StartsWith("done generation=2"))
      << server.process().output();
  EXPECT_TRUE(says(server, misfit.why)) << server.process().output();
  EXPECT_EQ(server.hello(), "two");
  expect_next_upgrade_works(server, 2);
}

INSTANTIATE_TEST_SUITE_P(
    Each, StateMisfit,
    testing::Values(
        Misfit{"missing", {}, {}, "there is no state 'cache'"},
        Misfit{"older",
               {{"state", "x"}, {"state_version", "1"}},
               {{"wish_version", "3"}, {"wish_oldest", "2"}},
               "it is 'rows' version 1, wanted is 'rows' version 2 to 3"},
        Misfit{"newer",
               {{"state", "x"}, {"state_version", "4"}},
               {{"wish_version", "3"}},
               "it is 'rows' version 4"},
        Misfit{"other",
               {{"state", "x"}},
               {{"wish_tag", "columns"}},
               "wanted is 'columns'"},
        Misfit{"over_its_own_limit",
               {{"state_bytes", "5000"}, {"state_limit", "4999"}},
               {},
               "the limit is 4999 bytes"},
        Misfit{"over_the_wish",
               {{"state_bytes", "5000"}},
               {{"wish_limit", "100"}},
               "the limit is 100 bytes"},
        Misfit{"throws",
               {{"state", "x"}, {"state_throws", "1"}},
               {},
               "its writer threw: no rows today"},
        Misfit{"late",
               {{"state", "x"}, {"state_hangs", "1"}},
               {{"wish_deadline", "300"}},
               "the incumbent has not given it in time"}),
    [](const auto& each) { return each.param.name; });

// The application caught it and says that it is ready: too late.
TEST(State, RefusedSuccessorCannotServeNevertheless) {
  ServerUnderTest server;
  EXPECT_THAT(
      server.update_to(inheriting("required", {{"carries_on", "1"}})).outcome,
      AllOf(StartsWith("failed"), HasSubstr("there is no state 'cache'")));
  expect_untouched(server);
}

TEST(State, ThatIsBeingWrittenKeepsNobodyFromLeaving) {
  ServerUnderTest server(
      {.first = providing({{"state", "x"}, {"state_hangs", "1"}})});
  auto update = server.begin_update(inheriting("required"), "linked");
  ASSERT_TRUE(says(server, "phase=prepare")) << server.process().output();
  EXPECT_TRUE(server.process().stop(kStepDeadline))
      << server.process().output();
  (void)update.get();
}

TEST(State, OfManyBytesComesUnderLoadByteForByte) {
  const std::string bytes = std::to_string(20'000'001);
  ServerUnderTest server(
      {.first = providing({{"state_bytes", bytes}, {"state_thread", "1"}})});
  LoadClient load(server.load(Connections::kept));
  EXPECT_THAT(server.update_to(inheriting("required", {{"state_bytes", bytes}}))
                  .outcome,
              StartsWith("done generation=2"))
      << server.process().output();
  EXPECT_TRUE(says(server, "state: " + bytes + " bytes as written"))
      << server.process().output();
  EXPECT_TRUE(server.wait_alone(2));
  const LoadReport report = load.stop();
  EXPECT_EQ(report.failed(), 0u) << report.text();
}

// what has changed since -----------------------------------------------------

TEST(StateDelta, IsMergedAfterTheCommit) {
  ServerUnderTest server({.first = providing({{"delta", "what changed"}})});
  EXPECT_THAT(server.update_to({{"greeting", "two"}, {"merges", "1"}}).outcome,
              StartsWith("done generation=2"));
  EXPECT_TRUE(says(server, "delta: what changed")) << server.process().output();
  EXPECT_TRUE(says(server, "delta: taken")) << server.process().output();
  const std::string output = server.process().output();
  EXPECT_GT(output.find("delta: what changed"), output.find("committed"));
  expect_next_upgrade_works(server, 2);
}

TEST(StateDelta, IsRefusedByOneThatTakesNone) {
  ServerUnderTest server({.first = providing({{"delta", "what changed"}})});
  EXPECT_THAT(server.update_to({{"greeting", "two"}}).outcome,
              StartsWith("done generation=2"));
  EXPECT_TRUE(says(server, "delta: not taken, nobody takes 'cache'"))
      << server.process().output();
  expect_next_upgrade_works(server, 2);
}

TEST(StateDelta, HasNobodyToTakeItAtAStop) {
  ServerUnderTest server({.first = providing({{"delta", "what changed"}})});
  EXPECT_TRUE(server.process().stop(kStepDeadline));
  EXPECT_TRUE(says(server, "delta: not taken, there is no successor"))
      << server.process().output();
}

}  // namespace
}  // namespace relaunch::test
