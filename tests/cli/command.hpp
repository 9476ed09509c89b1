// The command under test.
#pragma once

#include <string>
#include <vector>

#include "common/base/text.hpp"
#include "support/child.hpp"
#include "support/scratch_folder.hpp"

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

/// An instance whose folders are in a folder of its own, and the command that
/// speaks of it.
class NamedInstance {
 public:
  explicit NamedInstance(std::string name) : name_(std::move(name)) {}

  /// These words, with those that say that this instance is meant.
  std::vector<std::string> about(std::vector<std::string> words) const {
    words.insert(
        words.begin() + 1,
        {"--name", name_, "--state-folder", text::utf8(folder_ / "state"),
         "--run-folder", text::utf8(folder_ / "run")});
    return words;
  }
  ChildResult ask(std::vector<std::string> words) const {
    return run_command(about(std::move(words)));
  }

 protected:
  ScratchFolder folder_;

 private:
  std::string name_;
};

}  // namespace relaunch::test
