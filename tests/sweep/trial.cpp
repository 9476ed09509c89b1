#include "sweep/trial.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <stdexcept>

#include "common/base/text.hpp"
#include "common/observe/history.hpp"
#include "common/release/store.hpp"
#include "supervisor/supervised_fixture.hpp"
#include "support/server_under_test.hpp"
#include "sweep/tracer.hpp"

namespace relaunch::test {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kSettle{15'000};
constexpr milliseconds kPace{20};
constexpr char kUnreached[] = "the supervisor cannot be reached";

bool is_supervisor(const std::string& role) { return role == "supervisor"; }

// Longer than a traced process needs, short enough to wait for.
ServerSetup setup(const std::string& role) {
  ServerSetup setup;
  setup.supervised = is_supervisor(role);
  setup.settings = {
      {"hello", "4000"},         {"ready", "4000"},    {"pause", "2000"},
      {"turn", "2000"},          {"probation", "100"}, {"health", "2000"},
      {"health_interval", "40"}, {"drain", "3000"},    {"grace", "500"}};
  return setup;
}

std::vector<os::ProcessId> processes_in(const fs::path& folder) {
  std::vector<os::ProcessId> ids;
  for (const auto& entry : fs::directory_iterator{"/proc"}) {
    const std::string name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != name.npos) continue;
    std::error_code gone;
    const auto program = fs::read_symlink(entry.path() / "exe", gone);
    if (gone || program.string().rfind(folder.string(), 0) != 0) continue;
    ids.push_back(static_cast<os::ProcessId>(std::stoul(name)));
  }
  return ids;
}

std::size_t descriptors_of(os::ProcessId id) {
  std::error_code gone;
  const fs::directory_iterator entries{text::cat("/proc/", id, "/fd"), gone};
  return static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
}

class Trial {
 public:
  explicit Trial(const Point& point)
      : point_(point), server_(setup(point.role)) {}

  Verdict run() {
    const os::ProcessId first = server_.status().pid;
    const std::size_t descriptors = descriptors_of(first);
    Tracer tracer(server_, point_.role, point_.injection());
    LoadPlan plan = server_.load(Connections::fresh);
    plan.per_second = 50;
    LoadClient load(plan);
    const UpdateAnswer answer = server_.update_to({{"greeting", "two"}});
    const std::optional<ServerStatus> serving = settle();
    const LoadReport report = load.stop();
    tracer.detach();
    const bool kills = point_.kills();
    if (!kills && tracer.struck_asios_own(point_.call)) return {};  // missed
    verdict_.reached = tracer.struck();
    if (serving) {
      check_answer(answer, *serving);
      check_record(*serving);
      if (serving->pid == first) check_descriptors(first, descriptors);
    } else if (!may_end()) {
      violated("nobody serves any more");
    }
    check_load(report, serving.has_value());
    if (!serving) server_.start_again();
    check_next_upgrade();
    check_files();
    if (!verdict_.violations.empty()) {
      verdict_.output = server_.process().output() + report.text();
      if (next_) verdict_.output += "\nand then:\n" + next_->output();
    }
    return std::move(verdict_);
  }

 private:
  void violated(std::string what) {
    verdict_.violations.push_back(std::move(what));
  }

  bool supervised() const { return is_supervisor(point_.role); }

  /// Killed, it is started again; nothing else ends it.
  void look_after_supervisor() {
    const auto& first = server_.process();
    if (next_ || !first.wait_gone(first.processes().front(), {})) return;
    if (!point_.kills()) violated("the supervisor has ended");
    next_ = server_.start_another();
    next_->expect_supervisor();
  }
  /// It has nothing to do, and can be reached.
  bool supervisor_idle() const {
    auto status = supervisor_status(server_);
    const auto* serving = status.if_contains("serving");
    return serving && serving->as_bool() && status["phase"] == "idle";
  }
  const ServerProcess& process() const {
    return next_ ? *next_ : server_.process();
  }

  bool printed(std::string_view part, int times = 1) {
    const auto lines = server_.process().lines();
    return std::count_if(lines.begin(), lines.end(), [&](const auto& line) {
             return line.find(part) != line.npos;
           }) >= times;
  }

  // In library mode nobody else holds the listeners: until the successor has
  // them the incumbent's end is the end, and so is the successor's once it is
  // committed.
  bool may_end() {
    if (!point_.kills() || supervised()) return false;
    if (point_.role == "successor") return printed("log: committed");
    return !printed("listening http", 2) || printed("opening them anew");
  }

  /// Until one generation is left and answers, or nobody is.
  std::optional<ServerStatus> settle() {
    const auto until = steady_clock::now() + kSettle;
    while (steady_clock::now() < until) {
      try {
        if (supervised()) look_after_supervisor();
        const ServerStatus now = server_.status();
        server_.process().wait_alone(now.pid, kPace);
        const auto living = processes_in(server_.path(""));
        if (living == std::vector{now.pid} && now.phase == "idle" &&
            (!supervised() || supervisor_idle())) {
          return now;
        }
      } catch (const std::exception&) {
        if (processes_in(server_.path("")).empty()) return {};
        server_.find_port();  // it may have opened its listener anew
        server_.process().wait_alone(0, kPace);
      }
    }
    violated(text::cat("not settled: ", processes_in(server_.path("")).size(),
                       " processes are left"));
    server_.process().kill_all();
    return {};
  }

  void check_answer(const UpdateAnswer& answer, const ServerStatus& serving) {
    const std::string who = text::cat("generation=", serving.generation, ' ');
    const bool none =
        answer.outcome.empty() || answer.outcome.rfind("none: ", 0) == 0;
    // Whoever asked a process that then died gets no answer at all.
    if (none && (point_.role == "incumbent" || answer.http_status == 0)) {
      return;
    }
    // Nor does its generation know what a supervisor makes of it that cannot
    // be reached.
    if (answer.outcome.find(kUnreached) != answer.outcome.npos) return;
    if (next_ && answer.outcome.rfind("done", 0) != 0) return;
    if (none || answer.outcome.find(who) == answer.outcome.npos) {
      violated("untrue answer: '" + answer.outcome + "' but " + who + "serves");
    }
  }

  void check_record(const ServerStatus& serving) {
    auto store = release::Store::open(server_.path("state"));
    const auto current = store ? store->current() : std::nullopt;
    if (!current) return;  // absent: nothing wrong is said
    if (current->generation != serving.generation ||
        current->pid != serving.pid) {
      violated(text::cat("the record names generation ", current->generation,
                         " pid ", current->pid, ", but generation ",
                         serving.generation, " pid ", serving.pid, " serves"));
    }
  }

  void check_descriptors(os::ProcessId id, std::size_t before) {
    std::size_t now = 0;
    for (int tries = 0; tries < 100; ++tries) {
      now = descriptors_of(id);
      if (now <= before) return;
      server_.process().wait_gone(id, kPace);
    }
    violated(text::cat("descriptors: ", before, " before, ", now, " after"));
  }

  void check_load(const LoadReport& report, bool somebody_serves) {
    const auto count = [&](Failure kind) {
      return report.failures[static_cast<std::size_t>(kind)];
    };
    const bool ended = may_end();
    if (count(Failure::refused) > 0 && !ended) {
      violated(text::cat(count(Failure::refused), " requests were refused"));
    }
    if (!somebody_serves || ended) return;
    // A killed process takes what it had accepted with it; a failing socket
    // call breaks the connection that it was made for.
    const std::uint64_t allowed = supervised() ? 0 : point_.kills() ? 3 : 1;
    const std::uint64_t broken = report.failed() - count(Failure::refused);
    if (broken > allowed) violated(text::cat(broken, " requests failed"));
  }

  void check_next_upgrade() {
    UpdateAnswer next = server_.update_to({{"greeting", "three"}});
    // A supervisor that cannot reach the generation ends it and starts another.
    const auto until = steady_clock::now() + kSettle;
    while (supervised() && !point_.kills() &&
           next.outcome.rfind("done", 0) != 0 && steady_clock::now() < until) {
      next = server_.update_to({{"greeting", "three"}});
    }
    if (next.outcome.rfind("done generation=", 0) != 0) {
      return violated("next upgrade: " + next.outcome);
    }
    const ServerStatus serving = server_.status();
    if (!process().wait_alone(serving.pid, kStepDeadline)) {
      violated("the next upgrade's incumbent has not left");
    }
    if (server_.hello() != "three") violated("the next release is not served");
    check_record(serving);
  }

  void check_files() {
    const auto note = [&](const fs::path& file) {
      violated("left over: " + file.filename().string());
    };
    for (const auto& entry : fs::directory_iterator{server_.path("state")}) {
      const auto name = entry.path().filename();
      if (name != "releases" && name != release::kCommitted &&
          name != "held.json" && name != observe::kHistoryFile &&
          !(supervised() && name == "journal")) {
        note(entry.path());
      }
    }
    const auto releases = server_.path("state") / "releases";
    for (const auto& entry : fs::directory_iterator{releases}) {
      const std::string name = entry.path().stem().string();
      if (name.find_first_not_of("0123456789abcdef") != name.npos ||
          (entry.path().has_extension() &&
           entry.path().extension() != ".json")) {
        note(entry.path());
      }
    }
  }

  const Point point_;
  ServerUnderTest server_;
  /// The supervisor that was started when the first was killed.
  std::unique_ptr<ServerProcess> next_;
  Verdict verdict_;
};

}  // namespace

Verdict try_point(const Point& point) { return Trial(point).run(); }

Calls record_upgrade(const std::string& role) {
  ServerUnderTest server(setup(role));
  Tracer tracer(server, role, {});
  const UpdateAnswer answer = server.update_to({{"greeting", "two"}});
  if (answer.outcome.rfind("done", 0) != 0 || !server.wait_alone(2)) {
    throw std::runtime_error("no good upgrade to record: " + answer.outcome);
  }
  tracer.detach();
  return count_calls(tracer.trace());
}

}  // namespace relaunch::test
