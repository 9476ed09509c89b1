#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "support/server_under_test.hpp"

namespace relaunch::test {
namespace {

using testing::StartsWith;

constexpr int kUpgrades = UPGRADES_IN_A_ROW;

TEST(UnderLoad, ManyUpgradesInARowLoseNoRequest) {
  ServerUnderTest server;
  LoadPlan fresh_plan = server.load(Connections::fresh);
  LoadPlan kept_plan = server.load(Connections::kept);
  LoadClient fresh(fresh_plan);
  LoadClient kept(kept_plan);

  for (int i = 0; i < kUpgrades; ++i) {
    const std::string generation = std::to_string(i + 2);
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
  EXPECT_EQ(fresh_report.generations.size(), kUpgrades + 1u);
  EXPECT_EQ(kept_report.generations.size(), kUpgrades + 1u);

  EXPECT_TRUE(server.wait_alone(kUpgrades + 1)) << server.process().output();
  EXPECT_EQ(server.process().processes().size(), kUpgrades + 1u);
  // Whoever else accepted would answer some of these.
  std::set<std::uint32_t> answering;
  for (int i = 0; i < 50; ++i) answering.insert(server.status().generation);
  EXPECT_EQ(answering, std::set<std::uint32_t>{kUpgrades + 1});
}

}  // namespace
}  // namespace relaunch::test
