// Why the program ends: one line on standard error, and an exit code that a
// script can tell apart (the numbers of sysexits.h).
#pragma once

#include <stdexcept>
#include <string>

namespace hello {

enum class ExitCode {
  usage = 64,          ///< the command line cannot be understood
  artifact = 65,       ///< there is nothing to start at an update
  unavailable = 69,    ///< the port is in use, or the address is not ours
  internal = 70,       ///< anything else
  io = 74,             ///< the state folder or a file cannot be used
  no_permission = 77,  ///< not allowed to listen there
  configuration = 78,  ///< an option means something impossible
};

class Failure : public std::runtime_error {
 public:
  Failure(ExitCode code, const std::string& line)
      : std::runtime_error(line), code_(code) {}
  ExitCode code() const noexcept { return code_; }

 private:
  ExitCode code_;
};

}  // namespace hello
