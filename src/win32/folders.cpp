#include "common/os/folders.hpp"

#include "common/base/text.hpp"
#include "common/os/system.hpp"

namespace relaunch::os {

Result<std::filesystem::path> instances_state_folder() {
  const auto data = environment_variable("ProgramData");
  if (!data || data->empty()) {
    return Error{make_error_code(errc::invalid_argument),
                 "cannot choose a state folder: ProgramData is not set"};
  }
  return text::path_from_utf8(*data) / "relaunch";
}

}  // namespace relaunch::os
