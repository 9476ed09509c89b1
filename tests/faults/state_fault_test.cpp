// A fault while a state crosses: whoever is left serves, with it or without,
// as the successor said it can; and the next upgrade works.
#include "faults/fault_fixture.hpp"
#include "faults/fault_rows.hpp"
#include "support/system_facts.hpp"

namespace relaunch::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

enum class Left {
  incumbent,  ///< it serves on
  successor,  ///< it serves, without the state
  nobody,     ///< in library mode; a supervisor starts the committed release
};

struct Row {
  std::string where;
  std::string order;
  std::string inherits;  ///< "optional", "required"
  Left left = Left::incumbent;
  std::string outcome;  ///< how it begins; empty: whoever asked hears nothing
  bool supervised = false;
};

std::ostream& operator<<(std::ostream& out, const Row& row) {
  return out << row.where << ' ' << row.order.substr(0, row.order.find(' '))
             << ' ' << row.inherits << (row.supervised ? " supervised" : "");
}

std::vector<Row> rows() {
  const std::string full =
      "error " + std::to_string(error_number(Lack::memory));
  const std::vector<Row> once{
      {"incumbent.state.write", "kill", "optional", Left::successor, ""},
      {"incumbent.state.write", "kill", "required", Left::nobody, ""},
      {"incumbent.state.give", "kill", "optional", Left::successor, ""},
      {"incumbent.state.give", "kill", "required", Left::nobody, ""},
      {"successor.state.take", "kill", "required", Left::incumbent, "failed"},
      {"successor.state.take", "kill", "optional", Left::incumbent, "failed"},
      {"incumbent.memory.make", full, "required", Left::incumbent, "failed"},
      {"incumbent.memory.make", full, "optional", Left::successor, "done"},
      {"incumbent.memory.fill", full, "required", Left::incumbent, "failed"},
      {"incumbent.memory.fill", full, "optional", Left::successor, "done"},
      {"successor.memory.map", full, "required", Left::incumbent, "failed"},
      {"successor.memory.map", full, "optional", Left::successor, "done"},
  };
  std::vector<Row> rows = once;
  for (Row row : once) {
    row.supervised = true;
    rows.push_back(row);
  }
  return sample(rows, 2);
}

class StateFault : public testing::TestWithParam<Row> {};

TEST_P(StateFault, LeavesSomebodyWhoServesAsItCan) {
  const Row& row = GetParam();
  ServerUnderTest server({.first = {{"greeting", "one"}, {"state", "rows"}},
                          .settings = {{"drain", "2000"}, {"grace", "200"}},
                          .supervised = row.supervised});
  const auto first = server.status().pid;
  server.arm(row.where, row.order);
  auto update = server.begin_update(
      {{"greeting", "two"}, {"inherits", row.inherits}}, "linked");
  const std::string outcome = update.get().outcome;
  ASSERT_TRUE(server.struck(row.where)) << server.process().output();
  if (!row.outcome.empty()) {
    EXPECT_THAT(outcome, StartsWith(row.outcome)) << server.process().output();
  }
  if (row.left == Left::nobody && !row.supervised) {
    for (const auto id : server.process().processes()) {
      EXPECT_TRUE(server.process().wait_gone(id, kStepDeadline))
          << server.process().output();
    }
    return;
  }
  const bool successor_serves = row.left == Left::successor;
  if (successor_serves) {
    EXPECT_TRUE(server.process().wait_for_line("state: none, ", kStepDeadline))
        << server.process().output();
    EXPECT_TRUE(server.process().wait_for_line("committed: generation=2",
                                               kStepDeadline))
        << server.process().output();
  }
  const auto until = std::chrono::steady_clock::now() + kStepDeadline;
  const std::string wanted = successor_serves ? "two" : "one";
  while (server.hello() != wanted && std::chrono::steady_clock::now() < until) {
  }
  EXPECT_EQ(server.hello(), wanted) << server.process().output();
  if (row.left == Left::incumbent) {
    EXPECT_EQ(server.status().pid, first);
  }
  const std::uint32_t serving = server.status().generation;
  EXPECT_TRUE(server.wait_alone(serving)) << server.process().output();
  expect_next_upgrade_works(server, serving);
}

INSTANTIATE_TEST_SUITE_P(Each, StateFault, testing::ValuesIn(rows()),
                         row_name<Row>);

// The commit stands, whoever of the two ends over what has changed since.
TEST(StateFaultInTheDrain, OfTheIncumbentLosesNoMoreThanTheChange) {
  ServerUnderTest server({.first = {{"greeting", "one"}, {"delta", "change"}}});
  server.arm("leaving.state.give", "kill");
  EXPECT_THAT(server.update_to({{"greeting", "two"}, {"merges", "1"}}).outcome,
              StartsWith("done generation=2"));
  EXPECT_TRUE(server.wait_alone(2)) << server.process().output();
  EXPECT_TRUE(server.struck("leaving.state.give"));
  EXPECT_THAT(server.process().output(), Not(HasSubstr("delta: ")));
  expect_next_upgrade_works(server, 2);
}

TEST(StateFaultInTheDrain, OfTheSuccessorTellsTheIncumbentThatNobodyKnows) {
  ServerUnderTest server({.first = {{"greeting", "one"}, {"delta", "change"}},
                          .settings = {{"drain", "2000"}},
                          .supervised = true});
  // From its commit on the successor has the role of an incumbent.
  server.arm("incumbent.state.take", "kill");
  EXPECT_THAT(server.update_to({{"greeting", "two"}, {"merges", "1"}}).outcome,
              StartsWith("done generation=2"));
  EXPECT_TRUE(
      server.process().wait_for_line("delta: not taken, the successor "
                                     "cannot be reached",
                                     kStepDeadline))
      << server.process().output();
  EXPECT_TRUE(server.wait_alone(3)) << server.process().output();
  expect_next_upgrade_works(server, 3);
}

}  // namespace
}  // namespace relaunch::test
