// The number of the process that serves, in a file for others to read. It is
// output only: nobody is ever signalled by it.
#pragma once

#include <filesystem>

#include "common/supervisor/supervisor.hpp"

namespace relaunch::supervisor {

/// On the supervisor's thread. The file names the process that serves now, or
/// is not there.
class PidFile {
 public:
  /// Errors: there is something else at this path.
  static Result<void> check(const std::filesystem::path& file);

  /// Follows this supervisor, which must outlive it.
  PidFile(std::filesystem::path file, Supervisor& supervisor, LogSink log);
  ~PidFile();
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;

 private:
  void look();
  void remove();

  std::filesystem::path file_;
  Supervisor& supervisor_;
  LogSink log_;
  os::ProcessId written_ = 0;
  observe::Subscription followed_;
  std::shared_ptr<PidFile*> self_;
};

}  // namespace relaunch::supervisor
