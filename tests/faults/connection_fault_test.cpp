// A fault while connections cross: each is served by exactly one afterwards, or
// closed, and the next upgrade works.
#include <memory>

#include "faults/fault_fixture.hpp"
#include "faults/fault_rows.hpp"
#include "support/kept_client.hpp"
#include "support/system_facts.hpp"

namespace relaunch::test {
namespace {

using testing::StartsWith;

/// What a client hears that has waited on an open connection.
enum class Heard { one_of_them, the_old_one, the_end };

struct Row {
  std::string where;
  std::string order;
  Heard heard = Heard::the_end;
  bool supervised = false;
};

std::ostream& operator<<(std::ostream& out, const Row& row) {
  return out << row.where << ' ' << row.order.substr(0, row.order.find(' '))
             << (row.supervised ? " supervised" : "");
}

std::vector<Row> rows() {
  const std::string error =
      "error " + std::to_string(error_number(Lack::handles));
  const std::vector<Row> once{
      // From its commit on the successor has the role of an incumbent.
      {"leaving.connections.give", "kill", Heard::the_end},
      {"leaving.connections.give", "hang", Heard::the_end},
      // One that was given alone stays; of a batch all cross.
      {"leaving.handle.give", error, Heard::one_of_them},
      {"incumbent.handle.take", error, Heard::the_old_one},
  };
  std::vector<Row> rows = once;
  for (Row row : once) {
    row.supervised = true;
    rows.push_back(row);
  }
  return rows;
}

class ConnectionFault : public testing::TestWithParam<Row> {};

TEST_P(ConnectionFault, LeavesEachToOne) {
  const Row& row = GetParam();
  ServerUnderTest server({.settings = {{"drain", "2000"}, {"grace", "200"}},
                          .supervised = row.supervised});
  std::vector<std::unique_ptr<KeptClient>> clients;
  for (int i = 0; i < 5; ++i) {
    clients.push_back(std::make_unique<KeptClient>(server));
  }
  auto update = server.begin_update({{"greeting", "two"}}, "linked");
  // The successor has its listeners by then: no other handle crosses.
  ASSERT_TRUE(server.process().wait_for_line("phase=probation", kStepDeadline));
  server.arm(row.where, row.order);
  EXPECT_THAT(update.get().outcome, StartsWith("done generation=2"));

  ASSERT_TRUE(
      server.process().wait_for_line("committed: generation=2", kStepDeadline));
  const auto until = std::chrono::steady_clock::now() + kStepDeadline;
  while (!server.struck(row.where) &&
         std::chrono::steady_clock::now() < until) {
    (void)server.hello();
  }
  ASSERT_TRUE(server.struck(row.where)) << server.process().output();
  for (const auto& client : clients) {
    const std::string body = client->hear();
    const bool answered = body == "one\n" || body == "two\n";
    EXPECT_TRUE(row.heard == Heard::one_of_them ? answered
                : row.heard == Heard::the_end   ? body == "the end"
                                                : body == "one\n")
        << body << '\n'
        << server.process().output();
  }
  EXPECT_EQ(server.hello(), "two");
  EXPECT_TRUE(server.wait_alone(2)) << server.process().output();
  expect_next_upgrade_works(server, 2);
}

INSTANTIATE_TEST_SUITE_P(Each, ConnectionFault, testing::ValuesIn(rows()),
                         row_name<Row>);

// The successor ends when it has them and has not said so, or has just said
// so: they are whole with the one that offered them, or closed.
struct End {
  std::string where;
  std::string heard;
  bool supervised = false;
};

std::ostream& operator<<(std::ostream& out, const End& end) {
  return out << end.where << (end.supervised ? " supervised" : "");
}

class ConnectionFaultOfTheSuccessor : public testing::TestWithParam<End> {};

TEST_P(ConnectionFaultOfTheSuccessor, LeavesEachToTheOtherOrNobody) {
  const End& end = GetParam();
  ServerUnderTest server(
      {.settings = {{"drain", "5000"}}, .supervised = end.supervised});
  KeptClient client(server);
  auto update = server.begin_update({{"greeting", "two"}}, "linked");
  ASSERT_TRUE(server.process().wait_for_line("phase=probation", kStepDeadline));
  server.arm(end.where, "kill");
  (void)update.get();
  const auto newest = server.process().processes().back();
  ASSERT_TRUE(server.process().wait_gone(newest, kStepDeadline));
  EXPECT_EQ(client.hear(), end.heard) << server.process().output();
  // Without a supervisor nobody is left who accepts.
  if (!end.supervised) return;
  EXPECT_TRUE(server.wait_alone(3)) << server.process().output();
  expect_next_upgrade_works(server, 3);
}

INSTANTIATE_TEST_SUITE_P(
    Each, ConnectionFaultOfTheSuccessor,
    testing::Values(End{"incumbent.connections.take", "one\n"},
                    End{"incumbent.connections.take", "one\n", true},
                    End{"incumbent.connections.own", "the end"},
                    End{"incumbent.connections.own", "the end", true}),
    row_name<End>);

}  // namespace
}  // namespace relaunch::test
