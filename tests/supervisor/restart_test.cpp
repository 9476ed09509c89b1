// Generations that end without being told to.
#include <future>

#include "common/base/text.hpp"
#include "common/supervisor/instance.hpp"
#include "supervisor/supervised_fixture.hpp"

namespace relaunch::test {
namespace {

using testing::HasSubstr;

const char kAnywhere[] = "tcp://127.0.0.1:0";

TEST(Restart, ACrashRefusesNoConnectionAndTheCommittedReleaseServesAgain) {
  ServerUnderTest server(supervised());
  EXPECT_EQ(upgrade(server).result, Outcome::Result::nothing_to_do);
  server.next_build({{"greeting", "two"}});
  ASSERT_EQ(upgrade(server).result, Outcome::Result::done);
  LoadClient load(server.load(Connections::fresh));
  for (std::uint32_t generation = 2; generation < 5; ++generation) {
    server.process().kill(server.status().pid);
    ASSERT_TRUE(server.process().wait_for_line(
        text::cat("upgrade committed: generation=", generation + 1),
        kStepDeadline))
        << server.process().output();
    EXPECT_EQ(server.hello(), "two");
    EXPECT_EQ(server.status().generation, generation + 1);
  }
  const LoadReport report = load.stop();
  EXPECT_THAT(server.process().output(),
              testing::Not(HasSubstr("cannot be reached")))
      << "its end is its end";
  // What a killed process had taken is lost; nothing else is.
  EXPECT_EQ(count(report, Failure::refused), 0u) << report.text();
  EXPECT_EQ(count(report, Failure::timed_out), 0u) << report.text();
  expect_next_upgrade_works(server, 5);
}

TEST(Restart, ConnectionsWaitInTheQueueUntilSomebodyServes) {
  ServerUnderTest server(supervised({.settings = {{"restart_delay", "500"}},
                                     .held_listeners = {{"http", kAnywhere}}}));
  const auto pid = server.status().pid;
  server.process().kill(pid);
  ASSERT_TRUE(server.process().wait_gone(pid, kStepDeadline));
  // Nobody accepts now, but the connection is made.
  EXPECT_EQ(server.hello(), "one") << server.process().output();
  EXPECT_EQ(server.status().generation, 2u);
}

TEST(Restart, ThoseThatStillDrainDoNotKeepAnybodyFromServing) {
  ServerUnderTest server(
      supervised({.first = {{"greeting", "one"}, {"stuck_drain", "1"}},
                  .settings = {{"max_draining", "1"}, {"drain", "600000"}}}));
  server.next_build({{"greeting", "two"}});
  ASSERT_EQ(upgrade(server).result, Outcome::Result::done);
  server.process().kill(server.status().pid);
  EXPECT_EQ(server.hello(), "two") << server.process().output();
  EXPECT_EQ(server.status().generation, 3u);
}

TEST(Restart, ACrashLoopIsHeldUntilTheOperatorActs) {
  ServerUnderTest server(supervised({.first = {{"exit_at_start", "3"}},
                                     .settings = {{"crash_limit", "3"}},
                                     .held_listeners = {{"http", kAnywhere}},
                                     .wait_until_serving = false}));
  ASSERT_TRUE(server.process().wait_for_line("crash loop", kStepDeadline))
      << server.process().output();
  EXPECT_TRUE(supervisor_status(server).at("crash_loop").as_bool());
  EXPECT_FALSE(supervisor_status(server).at("serving").as_bool());
  server.next_build({{"greeting", "mended"}});
  const Outcome outcome = upgrade(server);
  EXPECT_EQ(outcome.result, Outcome::Result::done) << outcome.reason;
  EXPECT_FALSE(supervisor_status(server).at("crash_loop").as_bool());
  server.find_port();
  EXPECT_EQ(server.hello(), "mended");
}

TEST(Restart, WhereNobodyServesTheSameReleaseIsSomethingToDo) {
  ServerUnderTest server(supervised({.settings = {{"crash_limit", "1"}},
                                     .held_listeners = {{"http", kAnywhere}}}));
  server.process().kill(server.status().pid);
  ASSERT_TRUE(server.process().wait_for_line("crash loop", kStepDeadline))
      << server.process().output();
  EXPECT_EQ(upgrade(server).result, Outcome::Result::done)
      << server.process().output();
  EXPECT_EQ(server.hello(), "one");
}

TEST(Restart, TheIncumbentsEndDuringABuildAbandonsItAndServesAgain) {
  ServerUnderTest server(supervised());
  auto answer = server.begin_update({{"build_hang", "1"}}, "hanging");
  const std::size_t before = server.process().lines().size();
  server.process().kill(server.status().pid);
  ASSERT_TRUE(server.wait_for_turn(before)) << server.process().output();
  answer.wait();
  EXPECT_EQ(server.hello(), "one");
  EXPECT_THAT(
      std::string{supervisor_status(server).at("last_outcome").as_string()},
      HasSubstr("the incumbent ended"));
  // Until then it is in probation, and an upgrade is refused.
  ASSERT_TRUE(server.process().wait_for_line_after(
      before, "upgrade committed: ", kStepDeadline));
  expect_next_upgrade_works(server, 2);
}

// It cannot be reached any more, and then it has ended: what was to be done
// about that is not done to its successor.
TEST(Restart, WhoeverSucceedsOneThatCrashedIsLeftAlone) {
  ServerUnderTest server(
      supervised({.settings = {{"grace", "200"}, {"probation", "1500"}}}));
  const auto incumbent = server.status().pid;
  const std::size_t lines = server.process().lines().size();
  server.next_build({{"greeting", "two"}});
  auto answer = std::async(std::launch::async, [&] { return upgrade(server); });
  ASSERT_TRUE(server.process().wait_for_line_after(
      lines, "upgrade: phase=probation", kStepDeadline))
      << server.process().output();
  server.process().kill(incumbent);
  EXPECT_EQ(answer.get().result, Outcome::Result::done)
      << server.process().output();
  // Answers for five times the grace.
  LoadPlan plan = server.load(Connections::fresh);
  plan.per_second = 50;
  LoadClient load(plan);
  EXPECT_TRUE(load.wait_for_answers(50, kStepDeadline));
  EXPECT_EQ(load.stop().failed(), 0u) << server.process().output();
  EXPECT_EQ(server.status().generation, 2u) << server.process().output();
  expect_next_upgrade_works(server, 2);
}

TEST(Rollback, GoesToTheReleaseBefore) {
  ServerUnderTest server(supervised());
  const std::string first = server.status().release;
  server.next_build({{"greeting", "two"}});
  ASSERT_EQ(upgrade(server).result, Outcome::Result::done);
  EXPECT_EQ(server.hello(), "two");
  control::UpgradeOrder back;
  back.release = "previous";
  const Outcome outcome = upgrade(server, back);
  EXPECT_EQ(outcome.result, Outcome::Result::done) << outcome.reason;
  EXPECT_EQ(outcome.release, first);
  EXPECT_EQ(server.hello(), "one");
  EXPECT_EQ(server.status().generation, 3u);
}

TEST(Rollback, ToAReleaseThatIsNotKeptIsRefused) {
  ServerUnderTest server(supervised());
  control::UpgradeOrder back;
  back.release = "0123456789abcdef0123456789abcdef";
  const Outcome outcome = upgrade(server, back);
  EXPECT_EQ(outcome.result, Outcome::Result::refused);
  EXPECT_THAT(outcome.reason, HasSubstr("is not kept"));
  EXPECT_EQ(server.hello(), "one");
}

TEST(Stop, EndsTheGenerationAndTheSupervisorInGoodOrder) {
  ServerUnderTest server(supervised());
  const auto pid = server.status().pid;
  control::Request request;
  request.verb = control::Verb::stop;
  ASSERT_TRUE(ask(server, request));
  EXPECT_TRUE(server.process().wait_gone(pid, kStepDeadline));
  EXPECT_TRUE(server.process().wait_for_line("supervisor left", kStepDeadline))
      << server.process().output();
}

TEST(Stop, AtOnceKillsWhatDoesNotLeave) {
  ServerUnderTest server(
      supervised({.first = {{"greeting", "one"}, {"stuck_drain", "1"}},
                  .settings = {{"drain", "600000"}, {"grace", "200"}}}));
  control::Request request;
  request.verb = control::Verb::stop;
  request.mode = control::StopMode::now;
  ASSERT_TRUE(ask(server, request));
  EXPECT_TRUE(server.process().wait_for_line("supervisor left", kStepDeadline))
      << server.process().output();
}

TEST(Instance, ASecondOneIsRefusedAndTheFirstServesOn) {
  ServerUnderTest server(supervised());
  boost::asio::io_context io;
  supervisor::Options options;
  options.name = "other";
  options.run_folder = server.path("run");
  options.state_folder = server.path("state");
  options.program = {"nothing"};
  const auto second = supervisor::Instance::open(options, {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), errc::busy) << second.error().text();
  expect_next_upgrade_works(server);
}

}  // namespace
}  // namespace relaunch::test
