// The command under test.
#pragma once

#include <string>
#include <vector>

#include "support/child.hpp"

namespace relaunch::test {

/// A start of it, with our environment but for every RELAUNCH_ variable.
inline os::LaunchRequest command(std::vector<std::string> words,
                                 std::vector<std::string> variables = {}) {
  os::LaunchRequest request;
  request.executable = RELAUNCH_COMMAND;
  request.arguments = {"relaunch"};
  request.arguments.insert(request.arguments.end(), words.begin(), words.end());
  for (const std::string& entry : os::own_environment()) {
    if (!entry.starts_with("RELAUNCH_")) request.environment.push_back(entry);
  }
  request.environment.insert(request.environment.end(), variables.begin(),
                             variables.end());
  return request;
}

inline ChildResult run_command(std::vector<std::string> words,
                               std::vector<std::string> variables = {}) {
  return run_child(command(std::move(words), std::move(variables)));
}

}  // namespace relaunch::test
