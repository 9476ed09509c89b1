// Hosts with habits of their own: an upgrade works in them as in any other, and
// changes nothing of theirs.
#include <algorithm>
#include <regex>

#include "support/child.hpp"
#include "upgrade/upgrade_fixture.hpp"

namespace relaunch::test {
namespace {

using testing::Each;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

/// The lines that begin so, without that; at least so many.
std::vector<std::string> told(ServerUnderTest& server, std::string_view start,
                              std::size_t count) {
  std::vector<std::string> rest;
  server.process().wait_for_lines(start, count, kStepDeadline);
  for (const std::string& line : server.process().lines()) {
    if (line.starts_with(start)) rest.push_back(line.substr(start.size()));
  }
  return rest;
}

Recipe with(Recipe recipe, const std::string& key, const std::string& value) {
  recipe[key] = value;
  return recipe;
}

const Recipe kOwnSignals{{"signals", "own"}, {"tells", "1"}};

TEST(Host, KeepsItsSignalsAsItSetThemThroughEveryUpgrade) {
  ServerUnderTest server({.first = with(kOwnSignals, "greeting", "one")});
  EXPECT_THAT(server.update_to({{"exit_at_start", "7"}}).outcome,
              StartsWith("failed in "));
  EXPECT_THAT(server.update_to({{"unhealthy", "1"}}).outcome,
              StartsWith("rolled back in probation: "));
  expect_untouched(server);
  EXPECT_THAT(server.update_to(with(kOwnSignals, "greeting", "two")).outcome,
              StartsWith("done generation="));
  EXPECT_EQ(server.hello(), "two");
  EXPECT_TRUE(server.wait_alone(2)) << server.process().output();
  // Made twice, took the turn three times, yielded twice, drained once.
  const auto signals = told(server, "signals, ", 8);
  EXPECT_GE(signals.size(), 8u) << server.process().output();
  EXPECT_THAT(signals, Each(HasSubstr(": unchanged")))
      << server.process().output();
  EXPECT_THAT(server.process().output(), Not(HasSubstr("own handler")));
}

TEST(Host, StartsItsSuccessorWithFreshSignals) {
  ServerUnderTest server({.first = with(kOwnSignals, "greeting", "one")});
  EXPECT_THAT(server.update_to({{"greeting", "two"}, {"tells", "1"}}).outcome,
              StartsWith("done generation=2"));
  const auto found = told(server, "found: ", 2);
  ASSERT_EQ(found.size(), 2u) << server.process().output();
  EXPECT_THAT(found[1], StartsWith("signals=none "));
}

TEST(Host, WhoseThreadsOpenHandlesLeaksNoneOfThemToASuccessor) {
  // What a successor has from a host that does nothing of the kind.
  ServerUnderTest server;
  const Recipe busy{{"threads", "8"}, {"tells", "1"}};
  constexpr int kGenerations = 6;
  for (int generation = 2; generation <= kGenerations; ++generation) {
    EXPECT_THAT(
        server.update_to(with(busy, "greeting", std::to_string(generation)))
            .outcome,
        StartsWith("done generation="))
        << server.process().output();
  }
  const auto found = told(server, "found: ", kGenerations - 1);
  ASSERT_EQ(found.size(), kGenerations - 1u) << server.process().output();
  EXPECT_THAT(found, Each(found.front()));
}

TEST(Host, HandsOnItsArgumentsEnvironmentAndFirstFolder) {
  ServerSetup setup{
      .first = {{"greeting", "one"}, {"tells", "1"}, {"moves", "1"}},
      .more_words = {"", "two words", "\"quoted\" \\", "gr\xc3\xbc\xc3\x9f",
                     "\xf0\x9f\x9a\x80", "trailing\\"}};
  for (int i = 0; i < 300; ++i) {
    setup.more_environment.push_back("MANY_" + std::to_string(i) + '=' +
                                     std::string(3000, 'x'));
  }
  setup.more_environment.push_back("EMPTY=");
  setup.more_environment.push_back("NAME=gr\xc3\xbc\xc3\x9f \xf0\x9f\x9a\x80");
  ServerUnderTest server(std::move(setup));
  for (const char* greeting : {"two", "three"}) {
    EXPECT_THAT(
        server
            .update_to({{"greeting", greeting}, {"tells", "1"}, {"moves", "1"}})
            .outcome,
        StartsWith("done generation="))
        << server.process().output();
  }
  const auto origins = told(server, "origin: ", 3);
  ASSERT_EQ(origins.size(), 3u) << server.process().output();
  EXPECT_THAT(origins, Each(origins.front()));
  EXPECT_THAT(origins.front(), HasSubstr("variables=3"));
}

TEST(Host, WithRelativePathsIsBuiltWhereItBeganHoweverItHasMoved) {
  ServerUnderTest server(
      {.first = {{"greeting", "one"}, {"moves", "1"}}, .relative_paths = true});
  EXPECT_THAT(server.update_to({{"greeting", "two"}, {"moves", "1"}}).outcome,
              StartsWith("done generation=2"))
      << server.process().output();
  expect_next_upgrade_works(server, 2);
}

TEST(Host, WithoutStandardStreamsUpgradesAgainAndAgain) {
  const Recipe closed{{"streams", "closed"}};
  ServerUnderTest server({.first = with(closed, "greeting", "one")});
  EXPECT_THAT(server.update_to({{"exit_at_start", "7"}}).outcome,
              StartsWith("failed in "))
      << server.process().output();
  for (const char* greeting : {"two", "three", "four"}) {
    EXPECT_THAT(server.update_to({{"greeting", greeting}}).outcome,
                StartsWith("done generation="))
        << server.process().output();
    EXPECT_EQ(server.hello(), greeting);
  }
  EXPECT_EQ(server.status().generation, 4u);
}

}  // namespace
}  // namespace relaunch::test
