// The first process of a container: process 1 of its namespace.
//
// Linux gives it what is orphaned, and it must reap that or it stays; signals
// that it does not handle are ignored; when it ends, everything else is killed.
// https://man7.org/linux/man-pages/man7/pid_namespaces.7.html
#pragma once

#include <optional>

#include "common/base/result.hpp"

namespace relaunch::os {

/// In process 1: goes on as its child, while process 1 itself reaps orphans and
/// passes the operator's signals on; there it returns only when the child has
/// ended, with the exit code for process 1 (128 and the number if it was a
/// signal). In any other process, in that child, and on Windows: nothing, at
/// once. What a terminal sends has reached the child already, and is not passed
/// on.
///
/// Before there are threads. Error: of fork; then nothing has changed.
Result<std::optional<int>> stand_in_as_init();

}  // namespace relaunch::os
