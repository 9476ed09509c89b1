// Another program in the place of this one.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "common/base/result.hpp"
#include "common/os/passed_sockets.hpp"

namespace relaunch::os {

/// Goes on as this program, with these arguments (its name first), our
/// environment, folder and standard streams, and no other handle but these
/// sockets, for take_passed_sockets(). POSIX: in this very process, by execve;
/// Windows: in a new one, and this one ends with exit code 0. Returns only if
/// that failed: then they are here, to be taken again.
Error become(const std::filesystem::path& executable,
             const std::vector<std::string>& arguments,
             std::vector<PassedSocket> sockets);

/// Windows: false, and there must be none.
bool become_passes_sockets();

}  // namespace relaunch::os
