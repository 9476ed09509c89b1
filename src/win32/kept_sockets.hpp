// Sockets that were to be passed on, and are still here.
#pragma once

#include <vector>

#include "common/os/passed_sockets.hpp"

namespace relaunch::os::win32 {

/// For the next take_passed_sockets() of this process.
void keep_passed_sockets(std::vector<PassedSocket> sockets);

}  // namespace relaunch::os::win32
