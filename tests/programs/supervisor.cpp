// supervisor KEY=VALUE... -- PROGRAM WORD...: runs the program under a
// supervisor. Keys as of the test server, and listener.NAME=ADDRESS for those
// that the supervisor opens itself.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <optional>

#include "common/base/text.hpp"
#include "common/os/system.hpp"
#include "common/supervisor/console_stop.hpp"
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
  if (const auto artifact = setting(settings, "artifact"); !artifact.empty()) {
    options.artifact = folder / text::path_from_utf8(artifact);
  }
  options.executable = text::path_from_utf8(setting(settings, "executable"));
  options.deadlines = read_deadlines(settings);
  read_number(settings, "max_draining", options.max_draining);
  read_number(settings, "keep_releases", options.keep_releases);
  unsigned delay = 20;
  read_number(settings, "restart_delay", delay);
  options.restart.delay = std::chrono::milliseconds{delay};
  read_number(settings, "crash_limit", options.restart.crash_limit);
  // A program that knows nothing of relaunch is ready when this says so.
  if (auto words = all_settings(settings, "ready_command"); !words.empty()) {
    options.foreign.readiness = supervisor::Readiness::command;
    options.foreign.readiness_target = std::move(words);
  }
  if (setting(settings, "readiness") == "none") {
    options.foreign.readiness = supervisor::Readiness::none;
  }
  if (const auto stop = setting(settings, "stop_signal"); !stop.empty()) {
    options.foreign.stop_signal = stop;
  }
  constexpr std::string_view kPrefix = "listener.";
  for (const auto& [key, value] : settings) {
    if (!key.starts_with(kPrefix)) continue;
    options.listeners.push_back({key.substr(kPrefix.size()), value});
  }
  return options;
}

/// "check-takeover" before everything else: only that.
supervisor::Replacement itself(std::vector<std::string> words,
                               const Settings& settings) {
  supervisor::Replacement replacement;
  unsigned deadline = 10'000;
  read_number(settings, "check_deadline", deadline);
  replacement.check_deadline = std::chrono::milliseconds{deadline};
  replacement.takeover_deadline = replacement.check_deadline;
  unsigned let_go_after = 50;
  read_number(settings, "let_go_after", let_go_after);
  replacement.let_go_after = std::chrono::milliseconds{let_go_after};
  replacement.executable = os::running_executable().value();
  replacement.arguments = words;
  words.insert(words.begin() + 1, "check-takeover");
  replacement.check_arguments = std::move(words);
  return replacement;
}

using Passed = std::vector<os::PassedSocket>;

/// Unless a test wants it to lose them: once.
Passed take_passed() {
  Passed passed = os::take_passed_sockets().value();
  if (std::filesystem::remove(std::filesystem::current_path() /
                              "misbehave-without-listeners")) {
    passed.clear();
  }
  return passed;
}

std::optional<supervisor::PassedOn> serve(
    const supervisor::Options& options,
    const supervisor::Replacement& replacement) {
  auto opened = supervisor::Instance::open(
      options,
      [](LogLevel, std::string_view line) {
        std::printf("log: %.*s\n", static_cast<int>(line.size()), line.data());
        std::fflush(stdout);
      },
      take_passed());
  if (!opened) throw opened.error();
  (*opened)->replaceable_by(replacement);
  (*opened)->supervisor().on_launch([](const LaunchPlan& plan) {
    std::printf("%s\n", census_line(plan).c_str());
    std::fflush(stdout);
  });
  return (*opened)->run();
}

/// At this moment of its own replacement, if a test wants it: once.
void misbehave(std::string_view moment) {
  for (const char* how : {"crash", "hang"}) {
    const auto order = std::filesystem::current_path() /
                       text::cat("misbehave-", moment, '-', how);
    if (!std::filesystem::remove(order)) continue;
    if (how == std::string_view{"crash"}) std::_Exit(9);
    std::promise<void>{}.get_future().wait_for(std::chrono::minutes{5});
  }
}

int run() try {
  auto words = os::own_arguments().value();
  if (words.size() > 1 && words[1] == supervisor::kConsoleStopVerb) {
    return supervisor::run_console_stop_helper();
  }
  const auto end = std::find(words.begin(), words.end(), "--");
  const Settings settings = read_settings({words.begin(), end});
  auto options = read_options(settings);
  if (end != words.end()) options.program.assign(end + 1, words.end());
  if (words.size() > 1 && words[1] == "check-takeover") {
    misbehave("check");
    const auto checked =
        supervisor::check_takeover(options, os::take_passed_sockets().value());
    if (!checked) throw checked.error();
    std::puts(supervisor::kCanTakeOver.data());
    return 0;
  }
  misbehave("begin");
  const auto replacement = itself(words, settings);
  while (auto passed = serve(options, replacement)) {
    misbehave("go");
    const Error failed = supervisor::pass_on(replacement, std::move(*passed));
    std::printf("log: %s\n", failed.text().c_str());
  }
  std::printf("supervisor left\n");
  return 0;
} catch (const Error& error) {
  std::printf("error: %s\n", error.text().c_str());
  return 1;
}

}  // namespace
}  // namespace relaunch::test

int main() { return relaunch::test::run(); }
