// Where the command keeps what belongs to an instance, by the system's custom;
// the instance's name is added to each.
#pragma once

#include <filesystem>
#include <optional>

#include "common/base/result.hpp"

namespace relaunch::os {

/// Releases and records. POSIX: default_state_folder(). Windows:
/// %ProgramData%\relaunch, since an instance may be a service.
Result<std::filesystem::path> instances_state_folder();

/// What ends with the session: the control socket, the lock. POSIX: root
/// /run/relaunch, else $XDG_RUNTIME_DIR/relaunch. Nothing: the system has no
/// such place, it belongs into the state folder.
std::optional<std::filesystem::path> instances_run_folder();

}  // namespace relaunch::os
