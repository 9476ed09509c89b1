#include "common/observe/metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "support/scratch_folder.hpp"

namespace relaunch::observe {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

Snapshot serving() {
  Snapshot snapshot;
  snapshot.name = "hello";
  snapshot.version = "0.1.0";
  snapshot.start = std::chrono::system_clock::time_point{1'700'000'000'250ms};
  snapshot.generation = 4;
  snapshot.release = "a1b2";
  snapshot.draining = 2;
  snapshot.listeners = 3;
  snapshot.upgrading = true;
  return snapshot;
}

Event named(std::string_view name) {
  Event event;
  event.name = name;
  event.time = std::chrono::system_clock::time_point{1'700'000'100s};
  return event;
}

Event entered(std::string_view phase,
              std::optional<std::chrono::milliseconds> before = {}) {
  Event event = named(name::kUpgradePhase);
  event.phase = phase;
  event.duration = before;
  return event;
}

Event ended(std::string_view outcome, std::string_view phase) {
  Event event = named(name::kUpgradeEnded);
  event.outcome = outcome;
  event.phase = phase;
  event.duration = 0ms;
  return event;
}

TEST(Metrics, SayWhatIsTrueNow) {
  const std::string text = Metrics{}.text(serving());
  for (const char* line :
       {"relaunch_build_info{name=\"hello\",version=\"0.1.0\"} 1\n",
        "relaunch_start_time_seconds{name=\"hello\"} 1700000000.250\n",
        "relaunch_generation{name=\"hello\"} 4\n",
        "relaunch_release_info{name=\"hello\",release=\"a1b2\"} 1\n",
        "relaunch_generations_draining{name=\"hello\"} 2\n",
        "relaunch_listeners{name=\"hello\"} 3\n",
        "relaunch_upgrade_in_progress{name=\"hello\"} 1\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST(Metrics, CountWhatWasDeclinedAndLeaveTheUpgradeUnderWayAlone) {
  Metrics metrics;
  metrics.add(named(name::kUpgradeStarted));
  metrics.add(entered("build"));
  Event declined = ended("refused", "idle");
  declined.duration.reset();
  metrics.add(declined);
  Event done = ended("done", "build");
  done.time += 5s;
  done.duration = 42ms;
  const std::string before = metrics.text(serving());
  EXPECT_THAT(before, HasSubstr("outcome=\"refused\",phase=\"idle\"} 1\n"));
  EXPECT_THAT(before, Not(HasSubstr("relaunch_last_upgrade_timestamp")));
  metrics.add(done);
  EXPECT_THAT(
      metrics.text(serving()),
      HasSubstr("_seconds_sum{name=\"hello\",phase=\"build\"} 0.042\n"));
}

TEST(Metrics, CountUpgradesByOutcomeAndPhaseFromZeroOn) {
  Metrics metrics;
  constexpr std::string_view kDone =
      R"(relaunch_upgrades_total{name="hello",outcome="done",phase="commit"} )";
  EXPECT_THAT(metrics.text(serving()), HasSubstr(std::string{kDone} + "0\n"));
  metrics.add(ended("done", "commit"));
  metrics.add(ended("done", "commit"));
  metrics.add(ended("failed", "build"));
  const std::string text = metrics.text(serving());
  EXPECT_THAT(text, HasSubstr(std::string{kDone} + "2\n"));
  EXPECT_THAT(text, HasSubstr("outcome=\"failed\",phase=\"build\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("relaunch_last_upgrade_timestamp_seconds"
                              "{name=\"hello\"} 1700000100.000\n"));
}

TEST(Metrics, PutTheDurationOfAPhaseIntoItsBuckets) {
  Metrics metrics;
  metrics.add(named(name::kUpgradeStarted));
  metrics.add(entered("launch"));
  metrics.add(entered("prepare", 40ms));
  Event end = ended("failed", "prepare");
  end.duration = 42ms;
  metrics.add(end);
  const std::string text = metrics.text(serving());
  constexpr std::string_view kMetric =
      R"(relaunch_upgrade_phase_duration_seconds)";
  const auto line = [&](std::string_view suffix, std::string_view le,
                        std::string_view value) {
    std::string out{kMetric};
    out += suffix;
    out += "{name=\"hello\",phase=\"launch\"";
    if (!le.empty()) out += ",le=\"" + std::string{le} + "\"";
    return out + "} " + std::string{value} + "\n";
  };
  EXPECT_THAT(text, HasSubstr(line("_bucket", "0.01", "0")));
  EXPECT_THAT(text, HasSubstr(line("_bucket", "0.05", "1")));
  EXPECT_THAT(text, HasSubstr(line("_bucket", "300", "1")));
  EXPECT_THAT(text, HasSubstr(line("_bucket", "+Inf", "1")));
  EXPECT_THAT(text, HasSubstr(line("_sum", "", "0.040")));
  EXPECT_THAT(text, HasSubstr(line("_count", "", "1")));
  // The end of the upgrade is the end of its last phase.
  EXPECT_THAT(text, HasSubstr("phase=\"prepare\",le=\"0.005\"} 1\n"));
}

TEST(Metrics, CountGenerationsRestartsAndCrashLoops) {
  Metrics metrics;
  metrics.add(named(name::kGenerationStarted));
  Event crashed = named(name::kGenerationExited);
  crashed.outcome = exit_reason::kCrashed;
  metrics.add(crashed);
  metrics.add(named(name::kRestartScheduled));
  metrics.add(named(name::kCrashLoop));
  metrics.add(named(name::kListenerReset));
  std::string text = metrics.text(serving());
  for (const char* line :
       {"relaunch_generations_started_total{name=\"hello\"} 1\n",
        "relaunch_generations_exited_total{name=\"hello\","
        "reason=\"crashed\"} 1\n",
        "relaunch_restarts_total{name=\"hello\"} 1\n",
        "relaunch_crash_loops_total{name=\"hello\"} 1\n",
        "relaunch_crash_loop{name=\"hello\"} 1\n",
        "relaunch_listener_resets_total{name=\"hello\"} 1\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  metrics.add(named(name::kGenerationCommitted));
  text = metrics.text(serving());
  EXPECT_THAT(text, HasSubstr("relaunch_crash_loop{name=\"hello\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("relaunch_crash_loops_total{name=\"hello\"} 1"));
}

TEST(Metrics, NoTextOfAnEventBeginsALineOrAnEndlessNumberOfSeries) {
  Metrics metrics;
  metrics.add(ended("done\"} 1\nfake_metric 7\n", "commit"));
  const std::string text = metrics.text(serving());
  EXPECT_THAT(text, Not(HasSubstr("\nfake_metric")));
  EXPECT_THAT(text, HasSubstr(R"(outcome="done\"} 1\\x0Afake_metric)"));
  for (int i = 0; i < 10'000; ++i) {
    metrics.add(ended("failed", std::to_string(i)));
    metrics.add(entered("phase " + std::to_string(i), 1ms));
  }
  EXPECT_LT(metrics.text(serving()).size(), 64u * 1024);
}

}  // namespace
}  // namespace relaunch::observe
