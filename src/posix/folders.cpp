#include "common/os/folders.hpp"

#include <unistd.h>

#include "common/os/system.hpp"

namespace relaunch::os {

Result<std::filesystem::path> instances_state_folder() {
  return default_state_folder();
}

std::optional<std::filesystem::path> instances_run_folder() {
  if (::geteuid() == 0) return std::filesystem::path{"/run/relaunch"};
  // The specification has relative values ignored.
  // https://specifications.freedesktop.org/basedir-spec/latest/
  const auto given = environment_variable("XDG_RUNTIME_DIR");
  if (!given || !given->starts_with('/')) return std::nullopt;
  return std::filesystem::path{*given} / "relaunch";
}

}  // namespace relaunch::os
