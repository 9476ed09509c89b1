// The supervisor of a program that knows nothing of relaunch is replaced: the
// listeners cross by themselves, and the program is watched and stopped by the
// new one.
#include "common/base/text.hpp"
#include "common/os/become.hpp"
#include "common/os/console_event.hpp"
#include "faults/fault_fixture.hpp"
#include "foreign/plain_program.hpp"
#include "supervisor/supervised_fixture.hpp"

namespace relaunch::test {
namespace {

using std::chrono::steady_clock;
using testing::HasSubstr;

class ForeignReplacement : public testing::Test {
 protected:
  ForeignReplacement() {
    os::LaunchRequest request;
    request.executable = std::filesystem::absolute(TEST_SUPERVISOR);
    request.arguments = {
        text::utf8(request.executable), "state=state",
        text::cat("listener.http=tcp://127.0.0.1:", port_), "readiness=none",
        // What Wine has.
        os::can_send_console_events() ? "stop_signal=INT" : "stop_signal=TERM",
        "probation=100", "drain=4000", "grace=1000", "check_deadline=4000",
        "--"};
    for (auto& word : plain_program()) request.arguments.push_back(word);
    request.folder = folder_.path();
    request.environment = os::own_environment();
    server_.emplace(std::move(request));
    server_->expect_supervisor();
    EXPECT_TRUE(wait_idle()) << output();
    LoadPlan plan;
    plan.port = port_;
    plan.path = "/";
    plan.per_second = 50;
    load_.emplace(plan);
  }
  ~ForeignReplacement() override { server_->kill_all(); }

  std::string output() const { return server_->output(); }
  std::int64_t number(const char* key) const {
    const auto now = status();
    const auto* value = now.if_contains(key);
    return value ? value->as_int64() : 0;
  }
  os::ProcessId serving() const {
    return static_cast<os::ProcessId>(number("pid"));
  }
  /// Whoever is to take the place does this at its start, or the old one when
  /// it is about to give way.
  void order(std::string_view moment) {
    write_file(folder_ / std::string{moment}, "");
  }
  Error replace() const {
    const auto answer = call(control::Verb::replace);
    return answer ? answer->error : answer.error();
  }
  /// Until somebody has taken the generation in.
  void expect_replaced() {
    const auto lines = server_->lines().size();
    const auto before = number("supervisor_pid");
    const Error refused = replace();
    ASSERT_FALSE(refused.code()) << refused.text() << output();
    ASSERT_TRUE(
        server_->wait_for_line_after(lines, "letting go", kStepDeadline))
        << output();
    ASSERT_TRUE(wait_idle()) << output();
    EXPECT_EQ(number("supervisor_pid") == before,
              os::become_stays_this_process());
  }
  void expect_an_upgrade_works() {
    const auto before = serving();
    const auto answer = call(control::Verb::upgrade);
    ASSERT_TRUE(answer) << answer.error().text() << output();
    EXPECT_EQ(answer->outcome.result, Outcome::Result::done)
        << answer->outcome.reason << output();
    ASSERT_TRUE(wait_idle()) << output();
    EXPECT_NE(serving(), before);
    EXPECT_TRUE(server_->wait_gone(before, kStepDeadline)) << output();
  }
  void expect_nothing_lost() {
    EXPECT_TRUE(load_->wait_for_answers(5, kStepDeadline)) << output();
    const LoadReport report = load_->stop();
    EXPECT_EQ(report.failed(), 0u) << report.text() << output();
  }
  /// The old one goes on, with everything.
  void expect_in_vain(std::string_view moment, std::string_view why) {
    const auto supervisor = number("supervisor_pid");
    const auto program = serving();
    order(moment);
    (void)replace();
    ASSERT_TRUE(server_->wait_for_line(why, kStepDeadline)) << output();
    ASSERT_TRUE(wait_idle()) << output();
    EXPECT_EQ(number("supervisor_pid"), supervisor);
    EXPECT_EQ(serving(), program);
    expect_an_upgrade_works();
    expect_replaced();
    expect_an_upgrade_works();
    expect_nothing_lost();
  }
  bool wait_idle() const {
    const auto until = steady_clock::now() + kStepDeadline;
    while (steady_clock::now() < until) {
      const auto now = status();
      const auto* serves = now.if_contains("serving");
      if (serves && serves->as_bool() && now.at("phase") == "idle") return true;
    }
    return false;
  }
  boost::json::object status() const {
    const auto answer = call(control::Verb::status);
    if (!answer) return {};
    return boost::json::parse(answer->text).as_object();
  }
  Result<control::Answer> call(control::Verb verb) const {
    control::Request request;
    request.verb = verb;
    return control::call(os::endpoint_address(folder_ / "run"), request,
                         kStepDeadline);
  }

  ScratchFolder folder_;
  std::uint16_t port_ = free_port();
  std::optional<ServerProcess> server_;
  std::optional<LoadClient> load_;
};

TEST_F(ForeignReplacement, LosesNoRequestAndTheNextUpgradeWorks) {
  std::vector<std::uint64_t> handles;
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(load_->wait_for_answers(5, kStepDeadline)) << output();
    const auto program = serving();
    expect_replaced();
    EXPECT_EQ(serving(), program);
    const std::size_t lines = server_->lines().size();
    expect_an_upgrade_works();
    const auto census =
        server_->wait_for_line_after(lines, "census ", kStepDeadline);
    ASSERT_TRUE(census) << output();
    handles.push_back(number_in(*census, "handles"));
  }
  expect_nothing_lost();
  // Each of them has held the same.
  EXPECT_LE(handles.back(), handles.front() + 2) << output();
  EXPECT_TRUE(call(control::Verb::stop));
  for (const auto id : server_->processes()) {
    EXPECT_TRUE(server_->wait_gone(id, kStepDeadline)) << output();
  }
}

TEST_F(ForeignReplacement, ItsListenersStayWhenTheProgramEnds) {
  expect_replaced();
  const auto before = serving();
  server_->kill(before);
  EXPECT_TRUE(server_->wait_gone(before, kStepDeadline)) << output();
  ASSERT_TRUE(wait_idle()) << output();
  EXPECT_NE(serving(), before);
  EXPECT_TRUE(load_->wait_for_answers(5, kStepDeadline)) << output();
  // One may have been in the hands of the program.
  const LoadReport report = load_->stop();
  EXPECT_EQ(count(report, Failure::refused), 0u) << report.text() << output();
  EXPECT_EQ(count(report, Failure::timed_out), 0u) << report.text();
  EXPECT_LE(report.failed(), 1u) << report.text() << output();
}

TEST_F(ForeignReplacement, OneThatFailsItsCheckLeavesTheOldOneServing) {
  const auto supervisor = number("supervisor_pid");
  order("misbehave-check-crash");
  EXPECT_EQ(replace().code(), errc::not_permitted);
  EXPECT_EQ(number("supervisor_pid"), supervisor);
  expect_an_upgrade_works();
  expect_nothing_lost();
}

// Where it is a process of its own, the old one waits for its word.
TEST_F(ForeignReplacement, OneThatEndsAtItsStartLeavesTheOldOneWithAll) {
  if (os::become_stays_this_process()) GTEST_SKIP() << "there is no old one";
  expect_in_vain("misbehave-begin-crash", "the other build did not take over");
}

TEST_F(ForeignReplacement, OneThatHangsAtItsStartLeavesTheOldOneWithAll) {
  if (os::become_stays_this_process()) GTEST_SKIP() << "there is no old one";
  expect_in_vain("misbehave-begin-hang", "and was ended");
}

TEST_F(ForeignReplacement, OneWithoutTheListenersLeavesTheOldOneWithAll) {
  if (os::become_stays_this_process()) GTEST_SKIP() << "there is no old one";
  expect_in_vain("misbehave-without-listeners",
                 "the other build did not take over");
}

}  // namespace
}  // namespace relaunch::test
