// The command line.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "relaunch/log.hpp"
#include "relaunch/upgrader.hpp"

namespace hello {

struct Options {
  std::string listen = "tcp://127.0.0.1:8080";
  std::vector<std::string> build_command;
  std::filesystem::path build_folder;
  std::filesystem::path artifact;
  std::filesystem::path executable;
  std::filesystem::path state_folder;
  relaunch::Deadlines deadlines;
  std::string token;  ///< empty: none is asked for
  relaunch::LogLevel log_level = relaunch::LogLevel::info;
  bool control = false;
  bool access_log = false;
};

struct CommandLine {
  Options options;
  /// What was asked for instead of a server: the help, the version.
  std::optional<std::string> text;
};

/// Throws Failure: what is wrong with which option, in one line.
CommandLine read_command_line(int argc, char** argv);

/// "500ms", "30s", "10m", or a number of `unit`. Nothing if it is none of
/// these, zero, or longer than a day.
std::optional<std::chrono::milliseconds> parse_duration(
    const std::string& text, std::chrono::milliseconds unit);

}  // namespace hello
