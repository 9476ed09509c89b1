// Many upgrades in a row. How many: RELAUNCH_UPGRADES, or what a minute of the
// suite allows.
#include <cstdio>
#include <cstdlib>
#include <set>
#include <string>

#include "upgrade/upgrade_fixture.hpp"

namespace relaunch::test {
namespace {

using testing::StartsWith;

int upgrades() {
  const char* const wanted = std::getenv("RELAUNCH_UPGRADES");
  return wanted == nullptr ? UPGRADES_IN_A_ROW : std::atoi(wanted);
}

/// As it was, after so many upgrades that one thing left by each would show.
/// What each generation hands to the next must not grow at all; the system's
/// thread pool on Windows comes and goes by one.
void expect_flat(const Census& before, const Census& after) {
  constexpr std::size_t kSlack = 2;
  const std::string both = before.text() + " -> " + after.text();
  EXPECT_LE(after.handles, before.handles + kSlack) << both;
  EXPECT_LE(after.threads, before.threads + kSlack) << both;
  EXPECT_EQ(after.variables, before.variables) << both;
  EXPECT_EQ(after.arguments, before.arguments) << both;
  if (MEMORY_IS_ITS_OWN) {
    EXPECT_LE(after.resident_kib, before.resident_kib * 5 / 4) << both;
  }
  // Two releases were there before; three are kept beside the current one, and
  // the one that failed last.
  EXPECT_LE(after.files, before.files + 8) << both;
}

void expect_one_answers(ServerUnderTest& server, std::uint32_t generation) {
  EXPECT_TRUE(server.wait_alone(generation)) << server.process().output();
  // Whoever else accepted would answer some of these.
  std::set<std::uint32_t> answering;
  for (int i = 0; i < 50; ++i) answering.insert(server.status().generation);
  EXPECT_EQ(answering, std::set<std::uint32_t>{generation});
}

TEST(UnderLoad, ManyUpgradesInARowLoseNoRequestAndLeaveNothing) {
  const int count = upgrades();
  ServerUnderTest server;
  // The first generation is started otherwise than all that follow.
  ASSERT_THAT(server.update_to({{"greeting", "release 2"}}).outcome,
              StartsWith("done generation=2"));
  ASSERT_TRUE(server.wait_alone(2)) << server.process().output();
  const Census before = server.census();
  LoadClient fresh(server.load(Connections::fresh));
  LoadClient kept(server.load(Connections::kept));

  for (int i = 0; i < count; ++i) {
    const std::string generation = std::to_string(i + 3);
    const UpdateAnswer answer =
        server.update_to({{"greeting", "release " + generation}});
    ASSERT_THAT(answer.outcome, StartsWith("done generation=" + generation))
        << server.process().output();
    const auto served = [&](const LoadReport& report) {
      return report.generations.count(generation) > 0;
    };
    ASSERT_TRUE(fresh.wait_until(served, kStepDeadline));
    ASSERT_TRUE(kept.wait_until(served, kStepDeadline));
  }

  const LoadReport fresh_report = fresh.stop();
  const LoadReport kept_report = kept.stop();
  EXPECT_EQ(fresh_report.failed(), 0u) << fresh_report.text();
  EXPECT_EQ(kept_report.failed(), 0u) << kept_report.text();
  EXPECT_EQ(fresh_report.generations.size(), count + 1u);
  EXPECT_EQ(kept_report.generations.size(), count + 1u);
  const auto last = static_cast<std::uint32_t>(count + 2);
  expect_one_answers(server, last);
  // The one of the census may have been gone when its number was read.
  const auto seen =
      server.process().processes().size() - (server.supervised() ? 1 : 0);
  EXPECT_GE(seen, last);
  EXPECT_LE(seen, last + 1u);
  const Census after = server.census();
  expect_flat(before, after);
  std::printf(
      "upgrades=%d requests=%llu failed=%llu %s\n", count,
      static_cast<unsigned long long>(fresh_report.due + kept_report.due),
      static_cast<unsigned long long>(fresh_report.failed() +
                                      kept_report.failed()),
      after.text().c_str());
}

TEST(UnderLoad, ManyFailedUpgradesInARowLoseNoRequestAndLeaveNothing) {
  ServerUnderTest server;
  server.census();
  const Census before = server.census();
  LoadClient fresh(server.load(Connections::fresh));
  for (int i = 0; i < upgrades() / 5; ++i) server.census();
  const LoadReport report = fresh.stop();
  EXPECT_EQ(report.failed(), 0u) << report.text();
  EXPECT_EQ(report.generations.size(), 1u);
  expect_one_answers(server, 1);
  const Census after = server.census();
  expect_flat(before, after);
  expect_next_upgrade_works(server);
}

}  // namespace
}  // namespace relaunch::test
