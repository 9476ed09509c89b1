// The log of a supervisor: a line for each transition, and the sentences of
// the library between them.
#pragma once

#include <filesystem>
#include <memory>

#include "common/base/result.hpp"
#include "common/observe/event_log.hpp"
#include "common/supervisor/line_writer.hpp"
#include "common/supervisor/options.hpp"
#include "relaunch/log.hpp"

namespace relaunch::cli {

/// On one thread. A log that cannot be written is no reason to end: what goes
/// wrong is told once a second on the error stream.
class Log {
 public:
  /// To this file, which is made if it is not there, else to this stream;
  /// which must outlive it. Errors: the file cannot be opened.
  static Result<Log> open(supervisor::LogFormat format,
                          const std::filesystem::path& file,
                          supervisor::LineWriter& error);
  Log(Log&&) noexcept;
  ~Log();

  void write(const observe::Event& event);
  /// For sentences; may outlive this.
  LogSink sink() const;
  /// The file of this name once more: it may have been renamed.
  Result<void> reopen();

 private:
  struct Impl;
  explicit Log(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace relaunch::cli
