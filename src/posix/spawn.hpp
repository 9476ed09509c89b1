// The one step of a launch that the systems do differently.
#pragma once

#include <cstddef>
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
  /// Where the child writes its own number into the environment, as decimal
  /// digits and a zero; null: nowhere. Nobody else knows it before exec.
  char* own_number = nullptr;
  int output = -1;  ///< standard output and error, or -1: as they are
  int error = -1;   ///< standard error, or -1: as the output
  bool new_session = false;
  bool as_sibling = false;
};

/// Room for what is written to SpawnPlan::own_number.
inline constexpr std::size_t kNumberRoom = 16;

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
