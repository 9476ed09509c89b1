// What the POSIX bodies share.
#pragma once

#include <cerrno>

#include "common/os/system.hpp"

namespace relaunch::os {

/// Repeats a call that a signal handler interrupted: the host program's
/// handlers are not known to restart it.
template <typename Call>
auto uninterrupted(Call call) {
  auto result = call();
  while (result == -1 && errno == EINTR) result = call();
  return result;
}

}  // namespace relaunch::os
