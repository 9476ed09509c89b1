// Processes that must not hand themselves over: process 1 of a container, the
// process of a Windows service.
#pragma once

#include <functional>

#include "common/os/process.hpp"

namespace relaunch::test {

/// Starts the child as such a process and waits for its end, 30 seconds at
/// most. False: this user may not make one here. Standard streams and the
/// working folder are the system's choice.
bool run_irreplaceable(const os::LaunchRequest& request);

/// In that child: what it is there for, within what the system demands of such
/// a process.
void live_as_irreplaceable(const std::function<void()>& body);

}  // namespace relaunch::test
