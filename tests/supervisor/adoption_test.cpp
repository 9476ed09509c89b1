// The supervisor is killed, and started again.
#include <future>
#include <optional>

#include "supervisor/supervised_fixture.hpp"

namespace relaunch::test {
namespace {

const char kAnywhere[] = "tcp://127.0.0.1:0";

class Adoption : public testing::Test {
 protected:
  void start(ServerSetup setup = {}) {
    server_.emplace(supervised(std::move(setup)));
  }
  ServerUnderTest& server() { return *server_; }
  void kill_supervisor() {
    const auto pid = server().process().processes().front();
    server().process().kill(pid);
    ASSERT_TRUE(server().process().wait_gone(pid, kStepDeadline));
  }
  void start_supervisor() { next_ = server().start_another(); }
  bool wait_for(std::string_view line) {
    return next_->wait_for_line(line, kStepDeadline).has_value();
  }
  std::string output() const {
    return server_->process().output() + "\n--\n" +
           (next_ ? next_->output() : "");
  }
  boost::json::object wait_for_service() {
    const auto until = std::chrono::steady_clock::now() + kStepDeadline;
    boost::json::object status;
    while (std::chrono::steady_clock::now() < until) {
      status = supervisor_status(server());
      const auto* serving = status.if_contains("serving");
      if (serving && serving->as_bool()) break;
    }
    return status;
  }

 private:
  std::optional<ServerUnderTest> server_;
  std::unique_ptr<ServerProcess> next_;
};

TEST_F(Adoption, AGenerationServesOnAndTheNextSupervisorTakesItIn) {
  start({.held_listeners = {{"http", kAnywhere}}});
  const ServerStatus before = server().status();
  LoadClient load(server().load(Connections::fresh));
  kill_supervisor();
  EXPECT_EQ(server().hello(), "one");
  start_supervisor();
  const auto status = wait_for_service();
  EXPECT_EQ(status.at("pid").to_number<std::uint32_t>(), before.pid)
      << output();
  EXPECT_EQ(status.at("generation").to_number<std::uint32_t>(), 1u);
  server().next_build({{"greeting", "two"}});
  const Outcome outcome = upgrade(server());
  EXPECT_EQ(outcome.result, Outcome::Result::done)
      << outcome.reason << output();
  EXPECT_EQ(server().hello(), "two");
  const LoadReport report = load.stop();
  EXPECT_EQ(report.failed(), 0u) << report.text();
}

TEST_F(Adoption, AListenerThatTheGenerationOpenedIsHandedOnToo) {
  start();
  kill_supervisor();
  start_supervisor();
  const auto status = wait_for_service();
  ASSERT_TRUE(status.contains("listeners")) << output();
  EXPECT_EQ(status.at("listeners").as_array().size(), 1u);
  server().next_build({{"greeting", "two"}});
  EXPECT_EQ(upgrade(server()).result, Outcome::Result::done) << output();
  EXPECT_EQ(server().hello(), "two");
}

TEST_F(Adoption, InProbationTheRecordIsAbsentAndTheUpgradeIsTakenBack) {
  start({.settings = {{"probation", "60000"}}});
  LoadClient load(server().load(Connections::fresh));
  server().next_build({{"greeting", "two"}});
  const std::size_t lines = server().process().lines().size();
  auto answer = std::async(std::launch::async, [&] { upgrade(server()); });
  ASSERT_TRUE(server().process().wait_for_line_after(
      lines, "upgrade: phase=probation", kStepDeadline))
      << output();
  EXPECT_EQ(server().hello(), "two");
  kill_supervisor();
  answer.wait();
  EXPECT_EQ(server().hello(), "two") << "both stay";
  start_supervisor();
  const auto status = wait_for_service();
  EXPECT_EQ(status.at("generation").to_number<std::uint32_t>(), 1u) << output();
  EXPECT_EQ(server().hello(), "one") << output();
  const LoadReport report = load.stop();
  EXPECT_EQ(report.failed(), 0u) << report.text() << output();
}

TEST_F(Adoption, ASuccessorWithoutTheTurnEndsAndTheIncumbentServesOn) {
  start();
  server().next_build({{"greeting", "two"}, {"never_ready", "1"}});
  const std::size_t lines = server().process().lines().size();
  auto answer = std::async(std::launch::async, [&] { upgrade(server()); });
  ASSERT_TRUE(server().process().wait_for_line_after(
      lines, "upgrade: phase=prepare", kStepDeadline));
  kill_supervisor();
  answer.wait();
  EXPECT_EQ(server().hello(), "one");
  start_supervisor();
  wait_for_service();
  server().next_build({{"greeting", "three"}});
  EXPECT_EQ(upgrade(server()).result, Outcome::Result::done) << output();
  EXPECT_EQ(server().hello(), "three");
}

TEST_F(Adoption, WhenNobodyIsLeftTheCommittedReleaseIsStarted) {
  start({.held_listeners = {{"http", "tcp://127.0.0.1:0"}}});
  server().next_build({{"greeting", "two"}});
  ASSERT_EQ(upgrade(server()).result, Outcome::Result::done);
  server().process().kill_all();
  for (const auto pid : server().process().processes()) {
    ASSERT_TRUE(server().process().wait_gone(pid, kStepDeadline));
  }
  start_supervisor();
  ASSERT_TRUE(wait_for("took the turn")) << output();
  const auto status = wait_for_service();
  EXPECT_EQ(status.at("generation").to_number<std::uint32_t>(), 3u);
}

}  // namespace
}  // namespace relaunch::test
