// Where the command keeps the instances that it runs, by the system's custom;
// the instance's name is added. default_run_folder() is their other place.
#pragma once

#include <filesystem>

#include "common/base/result.hpp"

namespace relaunch::os {

/// Releases and records. POSIX: default_state_folder(). Windows:
/// %ProgramData%\relaunch, since an instance may be a service.
Result<std::filesystem::path> instances_state_folder();

}  // namespace relaunch::os
