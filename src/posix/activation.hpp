// What a child is told of the descriptors that it gets.
#pragma once

#include <string_view>

#include "common/os/process.hpp"
#include "posix/spawn.hpp"

namespace relaunch::os {

/// What the first passed descriptor is in the child.
inline constexpr int kFirstPassed = 3;

/// In place of what the variable was before.
void set_variable(Environment& environment, std::string_view name,
                  std::string_view value);

/// By the systemd protocol, before anything else is added to the plan.
Result<void> add_listeners(const LaunchRequest& request, SpawnPlan& plan,
                           Environment& environment);

/// Where the child is to write its own number: in the environment, which must
/// not change any more. Null: nowhere.
char* own_number(const LaunchRequest& request, Environment& environment);

}  // namespace relaunch::os
