// What the command tells about itself.
#pragma once

#include <string>

#include "cli/run_options.hpp"
#include "cli/settings.hpp"

namespace relaunch::cli {

/// `relaunch --help`: the verbs and the exit codes.
std::string general_help();
/// `relaunch <verb> --help`: its options with their defaults.
std::string help(Verb verb);

/// `relaunch check-config`: a line for each option of `run`, its value and
/// where it came from, as the options were made of them.
std::string explain(const Settings& settings, const supervisor::Options& made);

}  // namespace relaunch::cli
