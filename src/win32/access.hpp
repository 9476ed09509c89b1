// Who may open what is ours, and whether somebody is one of them.
#pragma once

#include <memory>

#include "win32/win32.hpp"

namespace relaunch::os::win32 {

struct FreeLocal {
  void operator()(void* memory) const { LocalFree(memory); }
};
using SecurityDescriptor = std::unique_ptr<void, FreeLocal>;

/// All rights, and to nobody else any, whatever the folder above grants.
enum class Openers {
  owner,           ///< the user of this process
  trusted,         ///< also SYSTEM and the administrators
  trusted_inside,  ///< the same, and to all that is made in this folder
};
Result<SecurityDescriptor> only_for(Openers openers);

/// Does the process belong to this process's user, to SYSTEM or to an
/// administrator? False if that cannot be told.
bool is_trusted(DWORD process);

/// An open folder (READ_CONTROL) belongs to one of those, and nobody else may
/// write to it, remove what is in it or grant such rights. Reading is not
/// looked at: a profile's folders may be shared so. Error: which of the two is
/// not so, ERROR_ACCESS_DENIED.
Result<void> check_folder(const std::filesystem::path& name, HANDLE folder);

}  // namespace relaunch::os::win32
