// Another program in the place of this one.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "common/base/result.hpp"
#include "common/os/handle.hpp"
#include "common/os/passed_sockets.hpp"
#include "common/os/process.hpp"

namespace relaunch::os {

/// Goes on as this program, with these arguments (its name first), our
/// environment, folder and standard streams, and no other handle but these
/// sockets, for take_passed_sockets(), and on Windows those in `handles`
/// (borrowed). POSIX: in this very process, by execve.
/// Windows: in a new one; this one ends with exit code 0 when the new one has
/// said that it has taken over (Predecessor). Returns only if that failed: then
/// the sockets are here, to be taken again, and the new process has ended or
/// was ended at the deadline.
Error become(const std::filesystem::path& executable,
             const std::vector<std::string>& arguments,
             std::vector<PassedSocket> sockets,
             std::chrono::milliseconds deadline,
             const std::vector<PassedHandle>& handles = {});

/// Whoever waits in become() for this process. POSIX: nobody.
class Predecessor {
 public:
  /// Once, before the environment is passed on: a variable is read and unset.
  static Predecessor find();
  /// Somebody does, and goes on if this process ends now.
  bool waits() const { return static_cast<bool>(told_); }
  /// This process has taken over. Nothing if nobody waits.
  void release();

 private:
  Handle told_;
};

/// Windows: false, the other program is another process.
bool become_stays_this_process();

}  // namespace relaunch::os
