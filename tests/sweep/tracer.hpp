// strace on one generation or the supervisor: its threads, and its children
// until they become another program.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "support/server_process.hpp"
#include "support/server_under_test.hpp"

namespace relaunch::test {

class Tracer {
 public:
  /// Follows the generation in this role of the next upgrade. `injection` is
  /// empty to record only. Throws std::runtime_error: strace cannot.
  Tracer(ServerUnderTest& server, const std::string& role,
         const std::string& injection);

  /// Whatever it follows goes on without it; the trace is complete then.
  void detach();
  const std::filesystem::path& trace() const { return trace_; }
  /// Has the injection been reached?
  bool struck() const;
  /// It was Asio's own call that failed (points.hpp): another than recorded.
  bool struck_asios_own(const std::string& call) const;

 private:
  std::filesystem::path trace_;
  std::filesystem::path number_;  ///< of the strace that a successor started
  std::unique_ptr<ServerProcess> strace_;  ///< of any other
};

}  // namespace relaunch::test
