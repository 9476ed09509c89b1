// Each action of an upgrade, and its process ends or hangs right before it.
#include "faults/fault_fixture.hpp"
#include "faults/fault_rows.hpp"

namespace relaunch::test {
namespace {

using testing::StartsWith;

/// Who is there afterwards.
enum class After {
  incumbent,  ///< serves on; the next upgrade works
  successor,  ///< serves and is committed; the next upgrade works
  nobody,     ///< nobody else holds the listeners: all have ended
  /// Serves on, while its library hangs for ever; the successor has ended.
  incumbent_stuck,
  /// Serves, and is committed when the incumbent that hangs has ended.
  successor_waits,
  /// Serves on and is committed, while its library hangs for ever.
  successor_stuck,
};

using Row = FaultRow<After>;

std::vector<Row> incumbent_ends() {
  return {// Before a successor is there nobody else can serve.
          kill("incumbent.start-build", After::nobody),
          kill("incumbent.ask-health", After::successor),
          kill("incumbent.stage", After::nobody),
          kill("incumbent.pause-accepting", After::successor),
          kill("incumbent.launch", After::nobody),
          kill("incumbent.give-turn", After::successor),
          kill("incumbent.record", After::successor),
          kill("incumbent.commit", After::successor),
          kill("incumbent.answer-and-succeed", After::successor),
          kill("incumbent.take-turn-back", After::successor, "", kUnhealthy),
          // The turn is back, and the successor has begun to leave.
          kill("incumbent.resume-accepting", After::nobody, "", kUnhealthy),
          kill("incumbent.finish", After::nobody, "", kUnhealthy)};
}

std::vector<Row> incumbent_hangs() {
  // It asks for health, pauses and gives the turn, each in its time.
  const Settings quick{{"health", "400"}, {"pause", "400"}, {"turn", "400"}};
  const Settings quick_drain{{"drain", "500"}, {"grace", "300"}};
  return {
      hang("incumbent.stage", After::incumbent_stuck),
      hang("incumbent.welcome", After::incumbent_stuck, "",
           {{"hello", "1000"}}),
      hang("incumbent.ask-health", After::incumbent_stuck, "", quick),
      hang("incumbent.pause-accepting", After::incumbent_stuck, "", quick),
      hang("incumbent.record", After::successor_waits),
      hang("incumbent.commit", After::successor_waits),
      hang("incumbent.take-turn-back", After::successor_waits, "", {},
           kUnhealthy),
      hang("incumbent.answer-and-succeed", After::successor, "", quick_drain)};
}

std::vector<Row> rows() {
  return together({incumbent_ends(), successor_ends<After>(), incumbent_hangs(),
                   successor_hangs<After>({{"turn", "1000"}})});
}

class ActionFault : public testing::TestWithParam<Row> {
 protected:
  ActionFault() : upgrade_(GetParam().settings) {}

  ServerUnderTest& server() { return upgrade_.server(); }
  void expect_gone(os::ProcessId id) {
    EXPECT_TRUE(server().process().wait_gone(id, kStepDeadline))
        << server().process().output();
  }
  /// All that were started after the first.
  void expect_successors_gone() {
    const auto all = server().process().processes();
    for (std::size_t i = 1; i < all.size(); ++i) expect_gone(all[i]);
  }

  void expect(After after) {
    switch (after) {
      case After::incumbent:
        upgrade_.expect_serves(1, "one");
        return upgrade_.expect_next_works(1);
      case After::successor:
        upgrade_.expect_serves(2, "two");
        return upgrade_.expect_next_works(2);
      case After::nobody:
        return upgrade_.expect_nobody();
      case After::incumbent_stuck:
        expect_successors_gone();
        EXPECT_EQ(server().hello(), "one") << server().process().output();
        return;
      case After::successor_waits:
        EXPECT_EQ(server().hello(), "two") << server().process().output();
        EXPECT_EQ(server().status().phase, "probation");
        server().process().kill(first_);
        upgrade_.expect_serves(2, "two");
        return upgrade_.expect_next_works(2);
      case After::successor_stuck:
        expect_gone(first_);
        EXPECT_EQ(server().hello(), "two") << server().process().output();
        return;
    }
  }

  FaultyUpgrade upgrade_;
  os::ProcessId first_ = upgrade_.server().status().pid;
};

TEST_P(ActionFault, EndsAsItMust) {
  const Row& row = GetParam();
  server().arm(row.where, row.order);
  upgrade_.begin(row.release);
  ASSERT_TRUE(upgrade_.wait_struck(row.where));
  if (!row.outcome.empty()) {
    EXPECT_THAT(upgrade_.answer().outcome, StartsWith(row.outcome))
        << server().process().output();
  }
  if (row.after == After::successor_waits) {
    EXPECT_TRUE(server().wait_for_turn(1));
  }
  if (row.after == After::nobody) return upgrade_.expect_nobody();
  if (row.after == After::successor) expect_gone(first_);
  const bool ended =
      row.where.starts_with("incumbent") || upgrade_.successor_had_turn();
  upgrade_.expect_little_lost(ended);
  expect(row.after);
}

INSTANTIATE_TEST_SUITE_P(Each, ActionFault,
                         testing::ValuesIn(sample(rows(), 3)), row_name<Row>);

}  // namespace
}  // namespace relaunch::test
