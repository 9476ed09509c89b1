#include "common/os/folders.hpp"

#include "common/os/system.hpp"

namespace relaunch::os {

Result<std::filesystem::path> instances_state_folder() {
  return default_state_folder();
}

}  // namespace relaunch::os
