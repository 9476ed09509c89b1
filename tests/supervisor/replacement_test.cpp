// The supervisor itself is replaced.
#include <future>

#include "common/os/become.hpp"
#include "common/supervisor/takeover.hpp"
#include "supervisor/supervised_fixture.hpp"

namespace relaunch::test {
namespace {

using testing::HasSubstr;

class Replacement : public testing::Test {
 protected:
  explicit Replacement(const std::string& let_go_after = "50",
                       std::map<std::string, std::string> listeners = {})
      : server_(supervised({.settings = {{"check_deadline", "4000"},
                                         {"let_go_after", let_go_after}},
                            .held_listeners = std::move(listeners)})) {}
  ~Replacement() override { server_.process().kill_all(); }

  ServerUnderTest& server() { return server_; }
  const ServerUnderTest& server() const { return server_; }
  Error replace() {
    const auto answer = ask(server_, control::Verb::replace);
    return answer ? answer->error : answer.error();
  }
  /// Until the second supervisor serves.
  bool wait_for_takeover(std::size_t lines) {
    if (!server_.process().wait_for_line_after(lines, "letting go",
                                               kStepDeadline)) {
      return false;
    }
    return wait_for_service();
  }
  std::int64_t supervisor_pid() const {
    return supervisor_status(server_).at("supervisor_pid").as_int64();
  }
  void expect_the_old_one_serves(std::int64_t pid) {
    EXPECT_EQ(supervisor_pid(), pid) << server_.process().output();
    EXPECT_EQ(server_.hello(), "one");
    expect_an_upgrade_works();
  }
  void expect_an_upgrade_works() {
    server_.next_build({{"greeting", "two"}});
    const Outcome outcome = upgrade(server_);
    EXPECT_EQ(outcome.result, Outcome::Result::done)
        << outcome.reason << server_.process().output();
    EXPECT_EQ(server_.hello(), "two");
  }
  void order(std::string_view moment) {
    write_file(server_.path(std::string{moment}), "");
  }
  bool done(std::string_view moment) {
    return !std::filesystem::exists(server_.path(std::string{moment}));
  }
  /// It was killed at this point; the next one resolves.
  void expect_the_next_start_resolves(std::string_view point) {
    LoadClient load(server_.load(Connections::fresh));
    const auto before = server_.status();
    order(point);
    (void)replace();
    const auto until = std::chrono::steady_clock::now() + kStepDeadline;
    while (!done(point) && std::chrono::steady_clock::now() < until) {
      (void)supervisor_status(server_);
    }
    ASSERT_TRUE(done(point)) << server_.process().output();
    EXPECT_EQ(server_.hello(), "one");
    const auto next = server_.start_another();
    ASSERT_TRUE(wait_for_service()) << next->output();
    EXPECT_EQ(server_.status().pid, before.pid);
    expect_an_upgrade_works();
    const LoadReport report = load.stop();
    EXPECT_EQ(report.failed(), 0u) << report.text();
  }
  /// The new one misbehaves at its start.
  void expect_in_vain(std::string_view moment, std::string_view why) {
    const auto pid = supervisor_pid();
    LoadClient load(server_.load(Connections::fresh));
    order(moment);
    (void)replace();
    ASSERT_TRUE(server_.process().wait_for_line(why, kStepDeadline))
        << server_.process().output();
    ASSERT_TRUE(wait_for_service()) << server_.process().output();
    expect_the_old_one_serves(pid);
    const LoadReport report = load.stop();
    EXPECT_EQ(report.failed(), 0u) << report.text();
  }
  bool wait_for_service() {
    const auto until = std::chrono::steady_clock::now() + kStepDeadline;
    while (std::chrono::steady_clock::now() < until) {
      const auto status = supervisor_status(server_);
      const auto* serving = status.if_contains("serving");
      if (serving && serving->as_bool()) return true;
    }
    return false;
  }
  std::filesystem::path journal() const {
    return server_.path("state") / "journal";
  }

 private:
  ServerUnderTest server_;
};

TEST_F(Replacement, NoRequestFailsAndTheNextUpgradeWorks) {
  const auto before = server().status();
  LoadClient load(server().load(Connections::fresh));
  for (int i = 0; i < 3; ++i) {
    const std::size_t lines = server().process().lines().size();
    const Error refused = replace();
    ASSERT_FALSE(refused.code()) << refused.text();
    ASSERT_TRUE(wait_for_takeover(lines)) << server().process().output();
    EXPECT_EQ(server().status().pid, before.pid);
  }
  server().next_build({{"greeting", "two"}});
  const Outcome outcome = upgrade(server());
  EXPECT_EQ(outcome.result, Outcome::Result::done)
      << outcome.reason << server().process().output();
  EXPECT_EQ(server().hello(), "two");
  const LoadReport report = load.stop();
  EXPECT_EQ(report.failed(), 0u) << report.text();
}

/// With a listener that no generation ever asks for.
class SpareListener : public Replacement {
 protected:
  SpareListener() : Replacement("50", {{"spare", "tcp://127.0.0.1:0"}}) {}

  std::string spare() const {
    const auto status = supervisor_status(server());
    for (const auto& each : status.at("listeners").as_array()) {
      if (each.at("name") == "spare") {
        return std::string{each.at("address").as_string()};
      }
    }
    return "none";
  }
};

TEST_F(SpareListener, StaysWhereItIs) {
  const auto address = spare();
  EXPECT_THAT(address, HasSubstr("tcp://127.0.0.1:"));
  LoadClient load(server().load(Connections::fresh));
  for (int i = 0; i < 2; ++i) {
    const std::size_t lines = server().process().lines().size();
    const Error refused = replace();
    ASSERT_FALSE(refused.code()) << refused.text();
    ASSERT_TRUE(wait_for_takeover(lines)) << server().process().output();
    EXPECT_EQ(spare(), address);
  }
  if (!os::become_stays_this_process()) {
    order("misbehave-begin-crash");
    (void)replace();
    ASSERT_TRUE(server().process().wait_for_line(
        "the other build did not take over", kStepDeadline))
        << server().process().output();
    ASSERT_TRUE(wait_for_service()) << server().process().output();
    EXPECT_EQ(spare(), address);
    expect_an_upgrade_works();
  }
  const LoadReport report = load.stop();
  EXPECT_EQ(report.failed(), 0u) << report.text();
}

TEST_F(Replacement, ABuildThatCannotTakeOverIsRefused) {
  const auto pid = supervisor_pid();
  std::filesystem::resize_file(journal(), 0);
  const Error refused = replace();
  EXPECT_EQ(refused.code(), errc::not_permitted);
  EXPECT_THAT(refused.text(), HasSubstr("the journal names no generation"));
  EXPECT_EQ(supervisor_pid(), pid);
  EXPECT_EQ(server().hello(), "one");
}

TEST_F(Replacement, DuringAnUpgradeItIsRefused) {
  server().next_build({{"greeting", "two"}, {"never_ready", "1"}});
  const std::size_t lines = server().process().lines().size();
  auto answer =
      std::async(std::launch::async, [&] { return upgrade(server()); });
  ASSERT_TRUE(server().process().wait_for_line_after(
      lines, "upgrade: phase=prepare", kStepDeadline));
  EXPECT_EQ(replace().code(), errc::busy);
  ASSERT_TRUE(ask(server(), control::Verb::abort));
  EXPECT_NE(answer.get().result, Outcome::Result::done);
  EXPECT_EQ(server().hello(), "one");
}

/// There is time between the answer and the old one's end.
class LateReplacement : public Replacement {
 protected:
  LateReplacement() : Replacement("1500") {}
};

TEST_F(LateReplacement, GivesWayToAnUpgradeThatBeginsMeanwhile) {
  const auto pid = supervisor_pid();
  ASSERT_FALSE(replace().code());
  server().next_build({{"greeting", "two"}, {"slow_ready", "3000"}});
  const Outcome outcome = upgrade(server());
  EXPECT_EQ(outcome.result, Outcome::Result::done) << outcome.reason;
  EXPECT_EQ(supervisor_pid(), pid);
  const auto status = supervisor_status(server());
  ASSERT_TRUE(status.contains("replacement_failed"));
  EXPECT_THAT(std::string{status.at("replacement_failed").as_string()},
              HasSubstr("an upgrade is under way"));
  // It heeds its signals still.
  EXPECT_TRUE(server().process().stop(kStepDeadline))
      << server().process().output();
}

TEST_F(Replacement, OneThatCrashesInItsCheckLeavesTheOldOneServing) {
  const auto pid = supervisor_pid();
  order("misbehave-check-crash");
  EXPECT_EQ(replace().code(), errc::not_permitted);
  EXPECT_TRUE(done("misbehave-check-crash"));
  expect_the_old_one_serves(pid);
}

TEST_F(Replacement, OneThatHangsInItsCheckIsEndedAndTheOldOneServes) {
  const auto pid = supervisor_pid();
  order("misbehave-check-hang");
  EXPECT_EQ(replace().code(), errc::not_permitted);
  EXPECT_TRUE(done("misbehave-check-hang"));
  expect_the_old_one_serves(pid);
}

TEST_F(Replacement, KilledJustBeforeItTheNextStartResolves) {
  expect_the_next_start_resolves("misbehave-go-crash");
}

TEST_F(Replacement, KilledJustAfterItTheNextStartResolves) {
  if (!os::become_stays_this_process())
    GTEST_SKIP() << "the old one still runs";
  expect_the_next_start_resolves("misbehave-begin-crash");
}

// Where it is a process of its own, the old one waits for its word.
TEST_F(Replacement, OneThatEndsAtItsStartLeavesTheOldOneServing) {
  if (os::become_stays_this_process()) GTEST_SKIP() << "there is no old one";
  expect_in_vain("misbehave-begin-crash", "the other build did not take over");
}

TEST_F(Replacement, OneThatHangsAtItsStartIsEndedAndTheOldOneServes) {
  if (os::become_stays_this_process()) GTEST_SKIP() << "there is no old one";
  expect_in_vain("misbehave-begin-hang", "and was ended");
}

TEST_F(Replacement, NothingIsLeftOpen) {
  server().census();
  const Census before = server().census();
  for (int i = 0; i < 5; ++i) {
    const std::size_t lines = server().process().lines().size();
    const Error refused = replace();
    ASSERT_FALSE(refused.code()) << refused.text();
    ASSERT_TRUE(wait_for_takeover(lines)) << server().process().output();
  }
  server().census();
  const Census after = server().census();
  const std::string both = before.text() + " -> " + after.text();
  // The system's threads on Windows come and go by one or two.
  EXPECT_LE(after.handles, before.handles + 2) << both;
  EXPECT_LE(after.threads, before.threads + 2) << both;
  EXPECT_EQ(after.variables, before.variables) << both;
  EXPECT_EQ(after.arguments, before.arguments) << both;
}

}  // namespace
}  // namespace relaunch::test
