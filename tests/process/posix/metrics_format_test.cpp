#include <gtest/gtest.h>

#include "common/base/text.hpp"
#include "common/observe/metrics.hpp"
#include "support/child.hpp"
#include "support/scratch_folder.hpp"

namespace relaunch::test {
namespace {

using namespace std::chrono_literals;

observe::Event upgrade_event(std::string_view name, std::string_view phase) {
  observe::Event event;
  event.name = name;
  event.phase = phase;
  event.outcome = "done";
  event.duration = 20ms;
  event.time = std::chrono::system_clock::now();
  return event;
}

TEST(MetricsFormat, IsWhatPrometheusReads) {
  if (std::string_view{PROMTOOL}.empty()) {
    GTEST_SKIP() << "no promtool here: run ./ci/setup";
  }
  observe::Metrics metrics;
  for (const char* phase : {"build", "stage", "launch"}) {
    metrics.add(upgrade_event(observe::name::kUpgradePhase, phase));
  }
  metrics.add(upgrade_event(observe::name::kUpgradeEnded, "commit"));
  observe::Snapshot snapshot;
  snapshot.name = "a \"name\"\\with\nall";
  snapshot.start = std::chrono::system_clock::now();
  const ScratchFolder scratch;
  const auto file = scratch / "relaunch.prom";
  write_file(file, metrics.text(snapshot));

  auto request = child_request("");
  request.executable = "/bin/sh";
  request.arguments = {
      "sh", "-c", text::cat("exec '" PROMTOOL "' check metrics <'", file, "'")};
  const ChildResult checked = run_child(std::move(request));

  EXPECT_EQ(checked.status.text(), "exit code 0");
  EXPECT_EQ(checked.output, "");
}

}  // namespace
}  // namespace relaunch::test
