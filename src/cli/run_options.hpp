// What the settings mean for an instance: its folders, and all that `run`
// needs.
#pragma once

#include <filesystem>
#include <optional>

#include "cli/settings.hpp"
#include "common/supervisor/options.hpp"

namespace relaunch::cli {

/// Where instances live by the system's custom, without their names.
struct Places {
  std::filesystem::path folder;  ///< the working folder
  Result<std::filesystem::path> state;
  std::optional<std::filesystem::path> run;
};
/// As the system has them now.
Places system_places();

/// Which instance a verb is about.
struct Instance {
  std::string name;
  std::filesystem::path state_folder;  ///< absolute, as is the next
  std::filesystem::path run_folder;
};
/// Its name is given, or that of the program.
Attempt<Instance> instance_of(const Settings& settings, const Places& places);

/// Contradictions are ExitCode::configuration. Nothing is opened, and nothing
/// has to be there yet.
Attempt<supervisor::Options> run_options(Settings settings,
                                         const Places& places);

/// The program's folder, and an artifact that is there already, fit the
/// options; else ExitCode::configuration.
Attempt<void> check_paths(const supervisor::Options& options);

}  // namespace relaunch::cli
