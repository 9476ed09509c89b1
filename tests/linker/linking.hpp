// Links the example in a scratch folder, with a real linker.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "support/child.hpp"
#include "support/scratch_folder.hpp"
#include "support/server_process.hpp"

namespace relaunch::test {

class LinkedExample {
 public:
  /// Linked with this greeting: "one" or "two".
  explicit LinkedExample(const std::string& greeting);

  const std::filesystem::path& program() const { return program_; }
  /// What the next link is to say.
  void choose(const std::string& greeting);
  /// The linker's own words and exit code.
  ChildResult link() const;
  /// The command that links, as a build command.
  std::vector<std::string> command() const;

  /// Starts it from the very file that the linker writes; returns its port, or
  /// 0 if it does not serve.
  std::uint16_t start();
  ServerProcess& process() { return *process_; }

 private:
  ScratchFolder folder_;
  std::filesystem::path program_;
  std::unique_ptr<ServerProcess> process_;
};

}  // namespace relaunch::test
