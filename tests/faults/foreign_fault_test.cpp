// Faults in upgrades of programs that know nothing of relaunch. They accept
// from their start on and cannot pause, and they keep their listeners when
// their supervisor ends.
#include "common/base/text.hpp"
#include "common/os/console_event.hpp"
#include "faults/fault_fixture.hpp"
#include "faults/fault_rows.hpp"
#include "foreign/plain_program.hpp"
#include "supervisor/supervised_fixture.hpp"
#include "support/child.hpp"
#include "support/event_wait.hpp"

namespace relaunch::test {
namespace {

using testing::StartsWith;

/// A generation is ready when there is this file in its folder.
const char kReady[] = "ready";

RELAUNCH_CHILD_MAIN(is_ready) {
  return std::filesystem::exists(std::filesystem::current_path() / kReady) ? 0
                                                                           : 1;
}

enum class Who { supervisor, incumbent, successor };
enum class After { incumbent, successor };

struct Row {
  std::string name;
  Who who = Who::supervisor;
  /// "prepare": before the successor is ready; "probation"; or an action.
  std::string where;
  bool ends = true;  ///< or hangs
  After after = After::incumbent;
  std::string outcome;  ///< how it begins
};

std::ostream& operator<<(std::ostream& out, const Row& row) {
  return out << row.name;
}

Row supervisor_ends(const char* where, After after = After::incumbent) {
  return {text::cat("supervisor ends ", where),
          Who::supervisor,
          where,
          true,
          after,
          ""};
}

std::vector<Row> rows() {
  return {supervisor_ends("prepare"),
          {"incumbent ends in prepare", Who::incumbent, "prepare", true,
           After::successor, "done"},
          {"successor ends in prepare", Who::successor, "prepare", true,
           After::incumbent, "failed in prepare: "},
          supervisor_ends("supervisor.commit", After::successor),
          {"successor hangs in prepare", Who::successor, "prepare", false,
           After::incumbent, "failed in prepare: "},
          supervisor_ends("probation"),
          {"incumbent ends in probation", Who::incumbent, "probation", true,
           After::successor, "done"},
          {"successor ends in probation", Who::successor, "probation", true,
           After::incumbent, "rolled back in probation: "},
          supervisor_ends("supervisor.launch"),
          supervisor_ends("supervisor.give-turn"),
          supervisor_ends("supervisor.record"),
          supervisor_ends("supervisor.answer-and-succeed", After::successor)};
}

class ForeignFault : public testing::TestWithParam<Row> {
 protected:
  ForeignFault() {
    std::filesystem::create_directory(folder_ / "faults");
    set_ready(true);
    first_ = start();
    first_->expect_supervisor();
    EXPECT_TRUE(wait_idle(0)) << output();
    incumbent_ = serving();
    LoadPlan plan;
    plan.port = port_;
    plan.path = "/";
    plan.per_second = 50;
    load_.emplace(plan);
  }
  ~ForeignFault() override {
    first_->kill_all();
    if (next_) next_->kill_all();
  }

  /// What is to fail happens in `where`, while the upgrade waits there.
  void begin_upgrade(const std::string& where) {
    if (where == "prepare") set_ready(false);
    if (where.starts_with("supervisor.")) {
      write_file(folder_ / "fault", "kill");
      std::filesystem::rename(folder_ / "fault", folder_ / "faults" / where);
    }
    const std::size_t lines = first_->lines().size();
    answer_ = std::async(std::launch::async, [this] { return upgrade(); });
    if (where.starts_with("supervisor.")) {
      EXPECT_TRUE(first_->wait_gone(supervisor(), kStepDeadline)) << output();
      return;
    }
    EXPECT_TRUE(first_->wait_for_line_after(lines, "upgrade: phase=" + where,
                                            kStepDeadline))
        << output();
    const auto started =
        first_->wait_for_line_after(lines, "successor started", kStepDeadline);
    ASSERT_TRUE(started) << output();
    successor_ = static_cast<os::ProcessId>(number_in(*started, "pid"));
  }
  void end(Who who) {
    const auto id = who == Who::supervisor  ? supervisor()
                    : who == Who::incumbent ? incumbent_
                                            : successor_;
    first_->kill(id);
    EXPECT_TRUE(first_->wait_gone(id, kStepDeadline)) << output();
  }

  /// It cannot be given the listeners of those that it finds.
  void expect_the_next_supervisor_resolves(After after) {
    EXPECT_EQ(answer_.get().code, errc::channel_lost);
    set_ready(true);
    next_ = start();
    next_->expect_supervisor();
    ASSERT_TRUE(wait_idle(0)) << output();
    const auto pid = serving();
    EXPECT_EQ(pid == incumbent_, after == After::incumbent) << output();
    EXPECT_TRUE(load_->wait_for_answers(5, kStepDeadline)) << output();
    EXPECT_EQ(upgrade().code, errc::not_permitted) << output();
    for (const auto id : first_->living()) {
      if (id == pid || id == next_->processes().front()) continue;
      EXPECT_TRUE(first_->wait_gone(id, kStepDeadline)) << output();
    }
    // Whoever had to be killed had taken some.
    expect_lost(os::can_send_console_events() ? 8 : 0);
    // When it is gone, they can be opened anew.
    first_->kill(pid);
    ASSERT_TRUE(wait_idle(pid)) << output();
  }
  void expect_outcome(const Row& row) {
    const Outcome outcome = answer_.get();
    EXPECT_THAT(told(outcome), StartsWith(row.outcome)) << output();
    ASSERT_TRUE(wait_idle(0)) << output();
    EXPECT_EQ(serving() == incumbent_, row.after == After::incumbent)
        << output();
    expect_lost(os::can_send_console_events() || row.ends ? 8 : 0);
  }
  /// Two, and nothing has grown.
  void expect_next_works() {
    for (int i = 0; i < 2; ++i) {
      expect_alone();
      const Outcome outcome = upgrade();
      EXPECT_EQ(told(outcome), "done") << output();
      ASSERT_TRUE(wait_idle(0)) << output();
    }
    expect_alone();
    // Before a supervisor's first launch there is no generation.
    auto taken = censuses(*first_);
    if (taken.size() < 2) taken = censuses(*next_);
    const auto before = taken.at(1);
    const auto after = censuses(next_ ? *next_ : *first_).back();
    EXPECT_LE(number_in(after, "handles"), number_in(before, "handles") + 4)
        << before << '\n'
        << after;
    EXPECT_LE(number_in(after, "threads"), number_in(before, "threads") + 2)
        << before << '\n'
        << after;
  }
  void set_ready(bool ready) const {
    if (ready) return write_file(folder_ / kReady, "");
    std::filesystem::remove(folder_ / kReady);
  }

 private:
  std::unique_ptr<ServerProcess> start() const {
    const bool waits = GetParam().where == "probation";
    os::LaunchRequest request;
    request.executable = std::filesystem::absolute(TEST_SUPERVISOR);
    const auto probe = child_request("is_ready");
    request.arguments = {
        text::utf8(request.executable),
        "state=state",
        text::cat("listener.http=tcp://127.0.0.1:", port_),
        text::cat("ready_command=", probe.arguments[0]),
        text::cat("ready_command=", probe.arguments[1]),
        text::cat("probation=", waits ? 2'000 : 150),
        text::cat("ready=", GetParam().ends || GetParam().where != "prepare"
                                ? 20'000
                                : 1'000),
        "health_interval=50",
        "drain=1000",
        "grace=1000",
        "--"};
    for (auto& word : plain_program()) request.arguments.push_back(word);
    request.folder = folder_.path();
    request.environment = os::own_environment();
    request.environment.push_back("RELAUNCH_FAULTS=" +
                                  text::utf8(folder_ / "faults"));
    return std::make_unique<ServerProcess>(std::move(request));
  }
  Result<control::Answer> call(control::Verb verb) const {
    control::Request request;
    request.verb = verb;
    request.order.request.end_probation = false;
    return control::call(os::endpoint_address(folder_ / "run"), request,
                         kStepDeadline);
  }
  Outcome upgrade() const {
    const auto answer = call(control::Verb::upgrade);
    if (answer) return answer->outcome;
    Outcome none;
    none.code = answer.error().code();
    none.reason = answer.error().text();
    return none;
  }
  boost::json::object status() const {
    const auto answer = call(control::Verb::status);
    if (!answer) return {};
    return boost::json::parse(answer->text).as_object();
  }
  os::ProcessId serving() const {
    return status().at("pid").to_number<os::ProcessId>();
  }
  /// Somebody serves, and it is not this one.
  bool wait_idle(os::ProcessId not_this) const {
    const auto until = std::chrono::steady_clock::now() + kStepDeadline;
    while (std::chrono::steady_clock::now() < until) {
      const auto now = status();
      const auto* serves = now.if_contains("serving");
      if (serves && serves->as_bool() && now.at("phase") == "idle" &&
          now.at("pid").to_number<os::ProcessId>() != not_this) {
        return true;
      }
    }
    return false;
  }
  void expect_alone() const {
    auto& last = next_ ? *next_ : *first_;
    EXPECT_TRUE(last.wait_alone(serving(), kStepDeadline)) << output();
  }
  void expect_lost(std::uint64_t at_most) {
    EXPECT_TRUE(load_->wait_for_answers(5, kStepDeadline)) << output();
    const LoadReport report = load_->stop();
    EXPECT_EQ(count(report, Failure::refused), 0u) << report.text() << output();
    EXPECT_EQ(count(report, Failure::timed_out), 0u) << report.text();
    EXPECT_LE(report.failed(), at_most) << report.text() << output();
  }
  static std::string told(const Outcome& outcome) {
    std::string told{to_string(outcome.result)};
    if (!outcome.ok()) {
      told += text::cat(" in ", to_string(outcome.phase), ": ", outcome.reason);
    }
    return told;
  }
  static std::vector<std::string> censuses(const ServerProcess& process) {
    std::vector<std::string> taken;
    for (const auto& line : process.lines()) {
      if (line.starts_with("census ")) taken.push_back(line);
    }
    return taken;
  }
  os::ProcessId supervisor() const { return first_->processes().front(); }
  std::string output() const {
    return first_->output() + (next_ ? "\nand then:\n" + next_->output() : "");
  }

  ScratchFolder folder_;
  std::uint16_t port_ = free_port();
  std::unique_ptr<ServerProcess> first_;
  std::unique_ptr<ServerProcess> next_;
  std::optional<LoadClient> load_;
  std::future<Outcome> answer_;
  os::ProcessId incumbent_ = 0;
  os::ProcessId successor_ = 0;
};

TEST_P(ForeignFault, EndsAsItMust) {
  const Row& row = GetParam();
  begin_upgrade(row.where);
  if (row.ends && !row.where.starts_with("supervisor.")) end(row.who);
  if (row.who == Who::supervisor) {
    expect_the_next_supervisor_resolves(row.after);
  } else {
    if (row.who == Who::incumbent) set_ready(true);
    expect_outcome(row);
    set_ready(true);
  }
  expect_next_works();
}

INSTANTIATE_TEST_SUITE_P(Each, ForeignFault,
                         testing::ValuesIn(sample(rows(), 3)), row_name<Row>);

}  // namespace
}  // namespace relaunch::test
