// supervisor KEY=VALUE... -- PROGRAM WORD...: runs the program under a
// supervisor. Keys as of the test server, and listener.NAME=ADDRESS for those
// that the supervisor opens itself.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <optional>

#include "common/base/text.hpp"
#include "common/os/fault.hpp"
#include "common/os/system.hpp"
#include "common/supervisor/instance.hpp"
#include "programs/census.hpp"
#include "programs/settings.hpp"

namespace relaunch::test {
namespace {

supervisor::Options read_options(const Settings& settings) {
  const auto folder = std::filesystem::current_path();
  supervisor::Options options;
  options.name = "test-server";
  options.folder = folder;
  options.state_folder =
      folder / text::path_from_utf8(setting(settings, "state"));
  options.run_folder = folder / "run";
  options.build.arguments = all_settings(settings, "build");
  options.build.folder = folder;
  options.artifact =
      folder / text::path_from_utf8(setting(settings, "artifact"));
  options.executable = text::path_from_utf8(setting(settings, "executable"));
  options.deadlines = read_deadlines(settings);
  read_number(settings, "max_draining", options.max_draining);
  read_number(settings, "keep_releases", options.keep_releases);
  unsigned delay = 20;
  read_number(settings, "restart_delay", delay);
  options.restart.delay = std::chrono::milliseconds{delay};
  read_number(settings, "crash_limit", options.restart.crash_limit);
  constexpr std::string_view kPrefix = "listener.";
  for (const auto& [key, value] : settings) {
    if (!key.starts_with(kPrefix)) continue;
    options.listeners.push_back({key.substr(kPrefix.size()), value});
  }
  return options;
}

int run() {
  auto words = os::own_arguments().value();
  const auto end = std::find(words.begin(), words.end(), "--");
  const Settings settings = read_settings({words.begin(), end});
  auto options = read_options(settings);
  if (end != words.end()) options.program.assign(end + 1, words.end());
  os::set_fault_role("supervisor");
  auto opened = supervisor::Instance::open(
      std::move(options), [](LogLevel, std::string_view line) {
        std::printf("log: %.*s\n", static_cast<int>(line.size()), line.data());
        std::fflush(stdout);
      });
  if (!opened) {
    std::printf("error: %s\n", opened.error().text().c_str());
    return 1;
  }
  supervisor::Supervisor& supervisor = (*opened)->supervisor();
  supervisor.on_launch([](const LaunchPlan& plan) {
    std::printf("%s\n", census_line(plan).c_str());
    std::fflush(stdout);
  });
  supervisor.run();
  std::printf("supervisor left\n");
  return 0;
}

}  // namespace
}  // namespace relaunch::test

int main() { return relaunch::test::run(); }
