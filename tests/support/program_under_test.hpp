// A program of a test's own that upgrades to itself again and again, in library
// mode or below a supervisor.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "support/scratch_folder.hpp"
#include "support/server_process.hpp"

namespace relaunch::test {

class ProgramUnderTest {
 public:
  static constexpr std::chrono::milliseconds kStep{30'000};

  /// Started with the keys state, artifact and listen of the test server, short
  /// deadlines, and these settings. Throws Error.
  ProgramUnderTest(const std::filesystem::path& program, bool supervised,
                   const std::vector<std::string>& more = {});

  ServerProcess& process() { return *process_; }
  /// After the last blank of the first line that contains `part`; empty: none
  /// came.
  std::string address_in(std::string_view part) const;
  /// At the end of the first line that contains `part`; 0: none came.
  std::uint16_t port_in(std::string_view part) const;
  /// This generation is committed. A first one of library mode is as it is.
  bool wait_committed(int generation) const;
  /// The newest is the only one left: the one before has handed everything
  /// over and gone.
  bool wait_alone() const;
  bool stop() { return process_->stop(kStep); }

 private:
  const bool supervised_;
  ScratchFolder folder_;
  std::unique_ptr<ServerProcess> process_;
};

}  // namespace relaunch::test
