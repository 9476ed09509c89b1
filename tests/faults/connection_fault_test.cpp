// A fault while connections cross: each is served by exactly one afterwards, or
// closed, and the next upgrade works.
#include <algorithm>

#include "common/os/system.hpp"
#include "faults/fault_fixture.hpp"
#include "faults/fault_rows.hpp"
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
  std::uint32_t serving = 2;
};

std::ostream& operator<<(std::ostream& out, const Row& row) {
  return out << row.where << ' ' << row.order.substr(0, row.order.find(' '));
}

std::vector<Row> rows() {
  const std::string error =
      "error " + std::to_string(error_number(Lack::handles));
  return {
      // From its commit on the successor has the role of an incumbent.
      {"leaving.connections.give", "kill", Heard::the_end},
      {"leaving.connections.give", "hang", Heard::the_end},
      // One that was given alone stays; of a batch all cross.
      {"leaving.handle.give", error, Heard::one_of_them},
      {"incumbent.handle.take", error, Heard::the_old_one},
  };
}

class ConnectionFault : public testing::TestWithParam<Row> {};

TEST_P(ConnectionFault, LeavesEachToOne) {
  const Row& row = GetParam();
  ServerUnderTest server({.settings = {{"drain", "2000"}, {"grace", "200"}}});
  HttpRequest request;
  request.path = "/hello";
  request.keep_alive = true;
  std::vector<HttpConnection> clients;
  for (int i = 0; i < 5; ++i) {
    clients.push_back(
        HttpConnection::open(server.port(), kStepDeadline).value());
    clients.back().send(request, kStepDeadline).value();
    ASSERT_EQ(clients.back().receive(kStepDeadline).value().body, "one\n");
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
  for (auto& client : clients) {
    std::string body = "the end";
    if (client.send(request, kStepDeadline)) {
      const auto answer = client.receive(kStepDeadline);
      if (answer) body = answer->body;
    }
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
TEST(ConnectionFaultOfTheSuccessor, LeavesEachToTheOtherOrNobody) {
  for (const char* where :
       {"incumbent.connections.take", "incumbent.connections.own"}) {
    ServerUnderTest server({.settings = {{"drain", "5000"}}});
    HttpRequest request;
    request.path = "/hello";
    request.keep_alive = true;
    auto client = HttpConnection::open(server.port(), kStepDeadline).value();
    client.send(request, kStepDeadline).value();
    ASSERT_EQ(client.receive(kStepDeadline).value().body, "one\n");
    auto update = server.begin_update({{"greeting", "two"}}, "linked");
    ASSERT_TRUE(
        server.process().wait_for_line("phase=probation", kStepDeadline));
    server.arm(where, "kill");
    (void)update.get();
    const auto newest = server.process().processes().back();
    ASSERT_TRUE(server.process().wait_gone(newest, kStepDeadline));
    std::string body = "the end";
    if (client.send(request, kStepDeadline)) {
      const auto answer = client.receive(kStepDeadline);
      if (answer) body = answer->body;
    }
    EXPECT_EQ(body,
              std::string_view{where}.ends_with("take") ? "one\n" : "the end")
        << where << '\n'
        << server.process().output();
  }
}

}  // namespace
}  // namespace relaunch::test
