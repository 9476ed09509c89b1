// The one step of a launch that the systems do differently.
#pragma once

#include <vector>

#include "common/os/handle.hpp"

namespace relaunch::os {

/// Everything that the child needs, made before it exists: between its birth
/// and exec it may allocate nothing and take no lock.
struct SpawnPlan {
  const char* executable = nullptr;
  const char* folder = nullptr;  ///< null: stays where it is
  char* const* arguments = nullptr;
  char* const* environment = nullptr;
  /// Become 3, 4, … in the child; may be changed by the child.
  std::vector<int> handles;
  int output = -1;  ///< standard output and error, or -1: as they are
  int error = -1;   ///< standard error, or -1: as the output
  bool new_session = false;
};

/// How far a child came that could not start.
enum class SpawnStep : int { clone, handles, streams, folder, session, exec };

struct Spawned {
  Handle process;
  int id = 0;
  SpawnStep failed_step = SpawnStep::clone;
  int error = 0;  ///< errno of that step; 0: it runs
};

/// Returns when the child runs the program or has failed to; a child that
/// failed has been reaped.
Spawned spawn(const SpawnPlan& plan);

}  // namespace relaunch::os
