// After the switch an upgrade can still be taken back; it costs at most the
// requests that the successor had taken.
#include "support/kept_client.hpp"
#include "upgrade/upgrade_fixture.hpp"

namespace relaunch::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

TEST(Probation, IncumbentResumesWhenTheSuccessorDiesInTheSwitch) {
  ServerUnderTest server;
  LoadClient fresh(server.load(Connections::fresh));
  LoadClient kept(server.load(Connections::kept));
  const UpdateAnswer answer = server.update_to({{"die_on_turn", "1"}});
  EXPECT_THAT(answer.outcome, StartsWith("rolled back in switch: "))
      << server.process().output();
  EXPECT_TRUE(fresh.wait_for_answers(20, kStepDeadline));
  const LoadReport fresh_report = fresh.stop();
  const LoadReport kept_report = kept.stop();
  EXPECT_EQ(fresh_report.failed(), 0u) << fresh_report.text();
  EXPECT_EQ(kept_report.failed(), 0u) << kept_report.text();
  expect_untouched(server);
  expect_next_upgrade_works(server);
}

TEST(Probation, IncumbentResumesWhenTheSuccessorDies) {
  ServerUnderTest server({.settings = {{"probation", "10000"}}});
  LoadClient fresh(server.load(Connections::fresh));
  const UpdateAnswer answer = server.update_to({{"die_after", "5"}});
  EXPECT_THAT(answer.outcome, StartsWith("rolled back in probation: "))
      << server.process().output();
  EXPECT_TRUE(fresh.wait_for_answers(20, kStepDeadline));
  const LoadReport report = fresh.stop();
  EXPECT_EQ(count(report, Failure::refused), 0u) << report.text();
  EXPECT_EQ(count(report, Failure::timed_out), 0u) << report.text();
  EXPECT_LE(report.failed(), 3u) << report.text();
  EXPECT_GE(report.generations.at("2"), 5u);
  expect_untouched(server);
}

TEST(Probation, TurnGoesBackWhenTheSuccessorIsUnhealthyAndNothingIsLost) {
  ServerUnderTest server;
  LoadClient fresh(server.load(Connections::fresh));
  LoadClient kept(server.load(Connections::kept));
  const UpdateAnswer answer = server.update_to({{"unhealthy", "1"}});
  EXPECT_THAT(answer.outcome, StartsWith("rolled back in probation: "))
      << server.process().output();
  EXPECT_TRUE(kept.wait_for_answers(20, kStepDeadline));
  const LoadReport fresh_report = fresh.stop();
  const LoadReport kept_report = kept.stop();
  EXPECT_EQ(fresh_report.failed(), 0u) << fresh_report.text();
  EXPECT_EQ(kept_report.failed(), 0u) << kept_report.text();
  expect_untouched(server);
  expect_next_upgrade_works(server);
}

TEST(Probation, IncumbentResumesWhenTheSuccessorsExecutorIsStuck) {
  ServerUnderTest server({.settings = {{"health", "400"}, {"turn", "1000"}}});
  LoadClient fresh(server.load(Connections::fresh));
  const UpdateAnswer answer = server.update_to({{"stuck", "1"}});
  EXPECT_THAT(answer.outcome, StartsWith("rolled back in "))
      << server.process().output();
  EXPECT_TRUE(fresh.wait_for_answers(20, kStepDeadline));
  const LoadReport report = fresh.stop();
  EXPECT_EQ(count(report, Failure::refused), 0u) << report.text();
  EXPECT_EQ(count(report, Failure::timed_out), 0u) << report.text();
  expect_untouched(server);
}

TEST(Probation, RequestInProbationIsRefusedUnlessItEndsTheProbation) {
  ServerUnderTest server({.settings = {{"probation", "20000"}}});
  std::size_t skip = server.process().lines().size();
  auto first = std::async(std::launch::async, [&server] {
    return server.update_to({{"greeting", "two"}});
  });
  ASSERT_TRUE(server.wait_for_turn(skip)) << server.process().output();
  EXPECT_EQ(server.hello(), "two");
  EXPECT_THAT(server.update().outcome, StartsWith("refused: "));

  // The next one is in probation in its turn, and is committed the same way.
  skip = server.process().lines().size();
  auto second = std::async(std::launch::async, [&server] {
    return server.update_to({{"greeting", "three"}}, "end-probation=1");
  });
  EXPECT_THAT(first.get().outcome, StartsWith("done generation=2"))
      << server.process().output();
  ASSERT_TRUE(server.wait_for_turn(skip)) << server.process().output();
  EXPECT_EQ(server.hello(), "three");
  EXPECT_THAT(
      server.update_to({{"build_fail", "1"}}, "end-probation=1").outcome,
      StartsWith("failed in build: "));
  EXPECT_THAT(second.get().outcome, StartsWith("done generation=3"))
      << server.process().output();
  EXPECT_TRUE(server.wait_alone(3)) << server.process().output();
}

TEST(Drain, RequestThatHadBegunIsAnsweredByWhomItBeganWith) {
  ServerUnderTest server;
  auto connection = HttpConnection::open(server.port(), kStepDeadline).value();
  connection.send_bytes("GET /hello HTTP/1.1\r\nHo", kStepDeadline).value();
  // Whoever accepted it has it: an answer on another connection comes after.
  EXPECT_EQ(server.hello(), "one");
  EXPECT_THAT(server.update_to({{"greeting", "two"}}).outcome,
              StartsWith("done generation=2"));
  EXPECT_EQ(server.hello(), "two");
  ASSERT_TRUE(server.process().wait_for_line("draining", kStepDeadline));
  connection.send_bytes("st: 127.0.0.1\r\n\r\n", kStepDeadline).value();
  const HttpAnswer answer = connection.receive(kStepDeadline).value();
  EXPECT_EQ(answer.body, "one\n");
  // Then it crosses.
  EXPECT_TRUE(answer.keep_alive);
  EXPECT_TRUE(server.wait_alone(2)) << server.process().output();
  connection
      .send_bytes("GET /hello HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
                  kStepDeadline)
      .value();
  EXPECT_EQ(connection.receive(kStepDeadline).value().body, "two\n");
}

TEST(Drain, IdleConnectionCrossesToTheSuccessor) {
  ServerUnderTest server;
  KeptClient client(server);
  for (const std::string generation : {"2", "3"}) {
    EXPECT_THAT(server.update_to({{"greeting", generation}}).outcome,
                StartsWith("done generation=" + generation));
    EXPECT_TRUE(server.wait_alone(std::stoul(generation)))
        << server.process().output();
    const HttpAnswer answer = client.ask();
    EXPECT_EQ(answer.body, generation + "\n");
    EXPECT_TRUE(answer.keep_alive);
  }
}

TEST(Drain, IdleConnectionThatNobodyTakesGetsOneMoreAnswer) {
  ServerUnderTest server;
  KeptClient client(server);
  EXPECT_THAT(
      server.update_to({{"greeting", "two"}, {"takes_no_connections", "1"}})
          .outcome,
      StartsWith("done generation=2"));
  ASSERT_TRUE(server.process().wait_for_line("draining", kStepDeadline));
  const HttpAnswer last = client.ask();
  EXPECT_EQ(last.body, "one\n");
  EXPECT_FALSE(last.keep_alive);
  EXPECT_TRUE(client.wait_closed());
  EXPECT_TRUE(server.wait_alone(2)) << server.process().output();
}

TEST(Drain, IdleConnectionIsClosedUnaskedOnlyAtTheDeadline) {
  ServerUnderTest server({.settings = {{"drain", "1500"}}});
  KeptClient client(server);
  const auto began = std::chrono::steady_clock::now();
  EXPECT_THAT(
      server.update_to({{"greeting", "two"}, {"takes_no_connections", "1"}})
          .outcome,
      StartsWith("done generation=2"));
  EXPECT_TRUE(client.wait_closed());
  EXPECT_GE(std::chrono::steady_clock::now() - began,
            std::chrono::milliseconds{1250});
  EXPECT_TRUE(server.wait_alone(2)) << server.process().output();
  EXPECT_TRUE(server.first_left_by_itself());
}

TEST(Drain, StuckRequestIsAskedThenKilledAndReported) {
  ServerUnderTest server({.first = {{"greeting", "one"}, {"stuck_drain", "1"}},
                          .settings = {{"drain", "400"}, {"grace", "300"}}});
  const ServerStatus before = server.status();
  EXPECT_THAT(server.update_to({{"greeting", "two"}}).outcome,
              StartsWith("done generation=2"));
  EXPECT_TRUE(server.wait_alone(2)) << server.process().output();
  const std::string departure = server.wait_for_departure();
  EXPECT_THAT(departure, HasSubstr("generation 1"));
  EXPECT_THAT(departure, HasSubstr(std::to_string(before.pid)));
  EXPECT_THAT(departure, HasSubstr("killed"));
  EXPECT_FALSE(server.first_left_by_itself());
  expect_next_upgrade_works(server, 2);
}

}  // namespace
}  // namespace relaunch::test
