// The same below a supervisor, which is one more process that can end.
#include <boost/json/serialize.hpp>

#include "common/base/text.hpp"
#include "faults/fault_fixture.hpp"
#include "faults/fault_rows.hpp"
#include "supervisor/supervised_fixture.hpp"

namespace relaunch::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

/// Who serves afterwards; the next upgrade works.
enum class After {
  incumbent,
  successor,
  /// The committed release, started again in another generation.
  restarted,
  /// The same, when for a moment nobody had the listeners.
  started,
  /// It serves, while its library hangs for ever. An upgrade that is forced
  /// gets it out of the way.
  incumbent_stuck,
  successor_stuck,
};

using Row = FaultRow<After>;

const Settings kQuick{{"pause", "1000"}, {"turn", "1000"}};

std::vector<Row> supervisor_ends() {
  return {kill("supervisor.pause-accepting", After::incumbent),
          kill("supervisor.commit", After::successor),
          kill("supervisor.take-turn-back", After::incumbent, "", kUnhealthy),
          kill("supervisor.start-build", After::incumbent),
          kill("supervisor.give-turn", After::incumbent),
          kill("supervisor.record", After::incumbent),
          kill("supervisor.stage", After::incumbent),
          kill("supervisor.answer-and-succeed", After::successor),
          kill("supervisor.drain", After::successor),
          kill("supervisor.resume-accepting", After::incumbent, "", kUnhealthy),
          kill("supervisor.launch", After::incumbent),
          kill("supervisor.welcome", After::incumbent),
          kill("supervisor.ask-health", After::incumbent),
          kill("supervisor.finish", After::incumbent, "", kUnhealthy)};
}

// Before the next one has come, the incumbent ends, too.
std::vector<Row> supervisor_and_incumbent_end() {
  const auto row = [](const char* where, After after) {
    return Row{where, "kill both", after, "", kTwo, {}};
  };
  return {row("supervisor.record", After::successor),
          row("supervisor.commit", After::successor),
          row("supervisor.give-turn", After::started),
          row("supervisor.pause-accepting", After::started)};
}

// And the next one as well, when it has found the generations.
std::vector<Row> two_supervisors_end() {
  const auto row = [](const char* where, After after) {
    return Row{where, "kill twice", after, "", kTwo, {}};
  };
  return {row("supervisor.record", After::incumbent),
          row("supervisor.commit", After::successor),
          row("supervisor.give-turn", After::incumbent)};
}

// Not in an upgrade: it starts again what has ended.
std::vector<Row> supervisor_ends_in_a_restart() {
  const auto row = [](const char* where) {
    return Row{where, "kill in restart", After::started, "", kTwo, {}};
  };
  return {row("supervisor.record"),    row("supervisor.launch"),
          row("supervisor.give-turn"), row("supervisor.welcome"),
          row("supervisor.commit"),    row("supervisor.answer-and-succeed")};
}

// It is asked to pause, gives the turn, gets it back, leaves.
std::vector<Row> incumbent_ends() {
  return {kill("incumbent.yield-turn", After::successor),
          kill("incumbent.take-turn", After::restarted, "", kUnhealthy),
          kill("incumbent.send-turn", After::successor),
          kill("incumbent.leave-for-good", After::successor)};
}

// As seen by the supervisor, right before it does this.
std::vector<Row> incumbent_ends_before() {
  const auto row = [](const char* where, After after,
                      const Recipe& release = kTwo) {
    return Row{where, "kill incumbent", after, "", release, {}};
  };
  return {row("supervisor.record", After::successor),
          row("supervisor.pause-accepting", After::successor),
          row("supervisor.start-build", After::restarted),
          row("supervisor.give-turn", After::successor),
          row("supervisor.take-turn-back", After::restarted, kUnhealthy),
          row("supervisor.launch", After::successor),
          row("supervisor.commit", After::successor),
          row("supervisor.stage", After::restarted),
          row("supervisor.welcome", After::successor),
          row("supervisor.ask-health", After::successor),
          row("supervisor.answer-and-succeed", After::successor),
          row("supervisor.resume-accepting", After::restarted, kUnhealthy)};
}

std::vector<Row> incumbent_hangs() {
  return {hang("incumbent.yield-turn", After::incumbent_stuck, "", kQuick),
          hang("incumbent.take-turn", After::restarted, "", kQuick, kUnhealthy),
          hang("incumbent.leave-for-good", After::successor, "",
               {{"drain", "500"}, {"grace", "300"}})};
}

std::vector<Row> rows() {
  return together({supervisor_ends(), successor_ends<After>(),
                   successor_hangs<After>(kQuick), incumbent_ends(),
                   incumbent_hangs(), incumbent_ends_before(),
                   supervisor_and_incumbent_end(), two_supervisors_end(),
                   supervisor_ends_in_a_restart()});
}

class SupervisedFault : public testing::TestWithParam<Row> {
 protected:
  static ServerSetup setup() {
    const auto address = text::cat("tcp://127.0.0.1:", free_port());
    ServerSetup setup{.settings = GetParam().settings,
                      .supervised = true,
                      .held_listeners = {{"http", address}}};
    setup.settings["listen"] = address;
    return setup;
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
      case After::started:
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

  /// It was asked by way of the incumbent, but there is `relaunch status`. The
  /// upgrade before was one that failed.
  void expect_told(After after) {
    const auto status = supervisor_status(upgrade_.server());
    const std::string told{status.at("last_outcome").as_string()};
    if (after == After::successor) {
      EXPECT_EQ(told, "done") << upgrade_.output();
    } else {
      EXPECT_THAT(told, testing::AnyOf(HasSubstr("the incumbent ended"),
                                       StartsWith("rolled back: ")))
          << upgrade_.output();
    }
  }

  static bool supervisor_ends(const Row& row) {
    return row.where.starts_with("supervisor") && row.order != "kill incumbent";
  }
  void arm(const Row& row, os::ProcessId incumbent) {
    upgrade_.server().arm(row.where, row.order == "kill incumbent"
                                         ? text::cat("kill ", incumbent)
                                         : row.order.substr(0, 4));
  }
  /// Nobody may be there who answers.
  testing::AssertionResult wait_struck(const Row& row) {
    if (!supervisor_ends(row)) return upgrade_.wait_struck(row.where);
    auto& process = upgrade_.server().process();
    if (process.wait_gone(process.processes().front(), kStepDeadline)) {
      return testing::AssertionSuccess();
    }
    return testing::AssertionFailure() << upgrade_.output();
  }
  void start_supervisor(const Row& row) {
    if (row.order == "kill twice") {
      upgrade_.server().arm("supervisor.resolve", "kill");
      upgrade_.start_supervisor();
      const auto killed = upgrade_.process().processes().front();
      ASSERT_TRUE(upgrade_.process().wait_gone(killed, kStepDeadline))
          << upgrade_.output();
    }
    upgrade_.start_supervisor();
  }

  FaultyUpgrade upgrade_{setup()};
};

TEST_P(SupervisedFault, EndsAsItMust) {
  const Row& row = GetParam();
  const auto incumbent = upgrade_.server().status().pid;
  arm(row, incumbent);
  if (row.order == "kill in restart") {
    upgrade_.server().process().kill(incumbent);
  } else {
    upgrade_.begin(row.release);
  }
  ASSERT_TRUE(wait_struck(row));
  if (!row.outcome.empty()) {
    EXPECT_THAT(upgrade_.answer().outcome, StartsWith(row.outcome))
        << upgrade_.output();
  }
  if (row.order == "kill both") upgrade_.server().process().kill(incumbent);
  if (supervisor_ends(row)) start_supervisor(row);
  wait_for_service();
  const bool ended =
      row.where.starts_with("incumbent") || row.order == "kill incumbent" ||
      row.order == "kill both" ||
      (row.where.starts_with("successor") && upgrade_.successor_had_turn());
  if (row.order == "kill incumbent") expect_told(row.after);
  expect(row.after);
  if (row.after != After::started) upgrade_.expect_little_lost(ended);
}

INSTANTIATE_TEST_SUITE_P(Each, SupervisedFault,
                         testing::ValuesIn(sample(rows(), 3)), row_name<Row>);

}  // namespace
}  // namespace relaunch::test
