// host PLUGIN STATE_FOLDER: knows nothing of relaunch but through a plugin,
// which it loads, lets run and unloads, twice as a first generation: with an
// upgrade that fails, and with one to this same program.
#include <cstdio>
#include <exception>
#include <stdexcept>

#include "common/base/text.hpp"
#include "common/os/system.hpp"
#include "manners/plugin/loader.hpp"

namespace relaunch::test {
namespace {

void say(const std::string& line) {
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

int run_once(const std::filesystem::path& plugin, const std::string& artifact,
             const std::string& state) {
  int result = 0;
  {
    const LoadedLibrary library(plugin);
    const auto run = library.function("run_guest");
    if (run == nullptr) throw std::runtime_error("no run_guest");
    result = run(artifact.c_str(), state.c_str());
  }
  say(is_loaded(plugin) ? "it is still loaded" : "unloaded");
  if (!wait_until_alone_in_process()) say("a thread is left");
  return result;
}

int run() {
  const auto words = os::own_arguments().value();
  say("started pid=" + std::to_string(os::own_process_id()));
  const auto plugin = text::path_from_utf8(words.at(1));
  const std::string self = text::utf8(os::running_executable().value());
  // What a successor is told is for the plugin, which unsets it.
  if (os::environment_variable("RELAUNCH_CHANNEL")) {
    return run_once(plugin, self, words.at(2));
  }
  // The plugin itself is no program, so this upgrade fails at its launch.
  const int failed = run_once(plugin, words.at(1), words.at(2));
  return failed != 0 ? failed : run_once(plugin, self, words.at(2));
}

}  // namespace
}  // namespace relaunch::test

int main() {
  try {
    return relaunch::test::run();
  } catch (const std::exception& failure) {
    std::printf("failed: %s\n", failure.what());
    return 70;
  }
}
