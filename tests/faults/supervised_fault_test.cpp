// The same below a supervisor, which is one more process that can end.
#include <boost/json/serialize.hpp>

#include "faults/fault_fixture.hpp"
#include "supervisor/supervised_fixture.hpp"

namespace relaunch::test {
namespace {

using testing::StartsWith;
using Settings = std::map<std::string, std::string>;

/// Who serves afterwards; the next upgrade works.
enum class After {
  incumbent,
  successor,
  /// The committed release, started again in another generation.
  restarted,
  /// It serves, while its library hangs for ever. An upgrade that is forced
  /// gets it out of the way.
  incumbent_stuck,
  successor_stuck,
};

struct Row {
  std::string where;
  std::string order;
  After after = After::incumbent;
  std::string outcome;  ///< how it begins; empty: the one who answers has ended
  Recipe release;
  Settings settings;
};

std::ostream& operator<<(std::ostream& out, const Row& row) {
  return out << row.where << " " << row.order;
}

const Recipe kTwo{{"greeting", "two"}};
const Recipe kUnhealthy{{"greeting", "two"}, {"unhealthy", "1"}};
const Settings kQuick{{"pause", "1000"}, {"turn", "1000"}};

Row kill(const char* where, After after, const char* outcome = "",
         const Recipe& release = kTwo) {
  return {where, "kill", after, outcome, release, {}};
}
Row hang(const char* where, After after, const char* outcome,
         const Settings& settings = kQuick, const Recipe& release = kTwo) {
  return {where, "hang", after, outcome, release, settings};
}

std::vector<Row> supervisor_ends() {
  return {kill("supervisor.pause-accepting", After::incumbent),
          kill("supervisor.commit", After::successor),
          kill("supervisor.take-turn-back", After::incumbent, "", kUnhealthy),
          kill("supervisor.start-build", After::incumbent),
          kill("supervisor.give-turn", After::incumbent),
          kill("supervisor.record", After::incumbent),
          kill("supervisor.stage", After::incumbent),
          kill("supervisor.answer-and-succeed", After::successor),
          kill("supervisor.resume-accepting", After::incumbent, "", kUnhealthy),
          kill("supervisor.launch", After::incumbent),
          kill("supervisor.welcome", After::incumbent),
          kill("supervisor.ask-health", After::incumbent),
          kill("supervisor.finish", After::incumbent, "", kUnhealthy)};
}

std::vector<Row> successor_ends() {
  const char* in_switch = "rolled back in switch: ";
  const char* in_probation = "rolled back in probation: ";
  const char* in_commit = "rolled back in commit: ";
  return {
      kill("successor.take-turn", After::incumbent, in_switch),
      kill("successor.stay", After::incumbent, in_commit),
      kill("successor.send-ready", After::incumbent, "failed in prepare: "),
      kill("successor.send-serving", After::incumbent, in_switch),
      // It has stayed already, and is an incumbent.
      kill("incumbent.send-committed", After::incumbent, in_commit),
      kill("successor.yield-turn", After::incumbent, in_probation, kUnhealthy),
      kill("successor.send-turn", After::incumbent, in_probation, kUnhealthy),
      kill("successor.leave-again", After::incumbent, in_probation,
           kUnhealthy)};
}

std::vector<Row> successor_hangs() {
  const char* in_switch = "rolled back in switch: ";
  const char* in_probation = "rolled back in probation: ";
  return {hang("successor.send-serving", After::incumbent, in_switch),
          hang("successor.stay", After::successor_stuck, "done generation=2"),
          hang("successor.send-ready", After::incumbent,
               "failed in prepare: ", {{"ready", "1000"}}),
          hang("successor.take-turn", After::incumbent, in_switch),
          hang("successor.yield-turn", After::incumbent, in_probation, kQuick,
               kUnhealthy),
          hang("successor.send-turn", After::incumbent, in_probation, kQuick,
               kUnhealthy),
          hang("successor.leave-again", After::incumbent, in_probation, kQuick,
               kUnhealthy)};
}

// It is asked to pause, gives the turn, gets it back, leaves.
std::vector<Row> incumbent_ends() {
  return {kill("incumbent.yield-turn", After::successor),
          kill("incumbent.take-turn", After::restarted, "", kUnhealthy),
          kill("incumbent.send-turn", After::successor),
          kill("incumbent.leave-for-good", After::successor)};
}

std::vector<Row> incumbent_hangs() {
  return {hang("incumbent.yield-turn", After::incumbent_stuck, ""),
          hang("incumbent.take-turn", After::restarted, "", kQuick, kUnhealthy),
          hang("incumbent.leave-for-good", After::successor, "",
               {{"drain", "500"}, {"grace", "300"}})};
}

std::vector<Row> rows() {
  std::vector<Row> all;
  for (const auto& part :
       {supervisor_ends(), successor_ends(), successor_hangs(),
        incumbent_ends(), incumbent_hangs()}) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

class SupervisedFault : public testing::TestWithParam<Row> {
 protected:
  static ServerSetup setup() {
    return {.settings = GetParam().settings,
            .supervised = true,
            .held_listeners = {{"http", "tcp://127.0.0.1:0"}}};
  }

  /// The supervisor has nothing to do any more.
  void wait_for_service() {
    const auto until = std::chrono::steady_clock::now() + kStepDeadline;
    boost::json::object status;
    do {
      status = supervisor_status(upgrade_.server());
      const auto* serving = status.if_contains("serving");
      if (serving && serving->as_bool() && status["phase"] == "idle") return;
    } while (std::chrono::steady_clock::now() < until);
    FAIL() << boost::json::serialize(status) << '\n' << upgrade_.output();
  }

  void expect(After after) {
    switch (after) {
      case After::incumbent:
        upgrade_.expect_serves(1, "one");
        return upgrade_.expect_next_works(1);
      case After::successor:
        upgrade_.expect_serves(2, "two");
        return upgrade_.expect_next_works(2);
      case After::restarted:
        upgrade_.expect_serves(2, "one");
        return upgrade_.expect_next_works(2);
      case After::incumbent_stuck:
        EXPECT_EQ(upgrade_.server().hello(), "one") << upgrade_.output();
        return expect_forced_works(1);
      case After::successor_stuck:
        EXPECT_EQ(upgrade_.server().hello(), "two") << upgrade_.output();
        return expect_forced_works(2);
    }
  }
  /// It cannot ask for it itself.
  void expect_forced_works(std::uint32_t stuck) {
    upgrade_.server().next_build({{"greeting", "forced"}});
    control::UpgradeOrder order;
    order.request.force = true;
    EXPECT_EQ(test::upgrade(upgrade_.server(), order).result,
              Outcome::Result::done)
        << upgrade_.output();
    upgrade_.expect_serves(stuck + 1, "forced");
    upgrade_.expect_next_works(stuck + 1);
  }

  FaultyUpgrade upgrade_{setup()};
};

TEST_P(SupervisedFault, EndsAsItMust) {
  const Row& row = GetParam();
  upgrade_.server().arm(row.where, row.order);
  upgrade_.begin(row.release);
  ASSERT_TRUE(upgrade_.wait_struck(row.where));
  if (!row.outcome.empty()) {
    EXPECT_THAT(upgrade_.answer().outcome, StartsWith(row.outcome))
        << upgrade_.output();
  }
  if (row.where.starts_with("supervisor")) upgrade_.start_supervisor();
  wait_for_service();
  const bool ended =
      row.where.starts_with("incumbent") ||
      (row.where.starts_with("successor") && upgrade_.successor_had_turn());
  expect(row.after);
  upgrade_.expect_little_lost(ended);
}

INSTANTIATE_TEST_SUITE_P(Each, SupervisedFault,
                         testing::ValuesIn(sample(rows(), 3)),
                         [](const auto& row) {
                           return test_name(testing::PrintToString(row.param));
                         });

}  // namespace
}  // namespace relaunch::test
