// Settings out of a command line, an environment and a file that are text.
#pragma once

#include <string>
#include <vector>

#include "cli/run_options.hpp"
#include "cli/settings.hpp"

namespace relaunch::cli::test {

/// What the sources say; a file is read as "relaunch.ini" if it has content.
struct Said {
  std::vector<std::string> words;
  std::vector<std::string> environment = {};
  std::string file = {};
};

inline std::filesystem::path root() {
  return std::filesystem::current_path().root_path();
}

inline Attempt<Settings> read(Said said) {
  const auto folder = root() / "work";
  if (!said.file.empty()) {
    said.environment.push_back("RELAUNCH_CONFIG=etc/relaunch.ini");
  }
  auto invocation = read_command_line(said.words, folder);
  if (!invocation) return invocation.error();
  return resolve(**invocation,
                 {folder, said.environment, [&](const std::filesystem::path&) {
                    return Result<std::string>{said.file};
                  }});
}

inline Places places() {
  return {root() / "work", root() / "state", root() / "run"};
}

inline Attempt<supervisor::Options> options_of(Said said) {
  auto settings = read(std::move(said));
  if (!settings) return settings.error();
  return run_options(std::move(*settings), places());
}

/// "78: cannot …" or "fine".
template <typename T>
std::string end_of(const Attempt<T>& attempt) {
  if (attempt) return "fine";
  return std::to_string(static_cast<int>(attempt.error().code)) + ": " +
         attempt.error().line;
}

}  // namespace relaunch::cli::test
