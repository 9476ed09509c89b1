// The two streams that a program writes to.
#pragma once

namespace relaunch::os {

/// As POSIX numbers them.
enum class Stream { output = 1, error = 2 };

}  // namespace relaunch::os
