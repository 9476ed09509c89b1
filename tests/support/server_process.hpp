// A server with all its generations, watched from outside: every line that any
// of them prints, and a handle to every process.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/os/process.hpp"

namespace relaunch::test {

/// Each process whose number appears in the output as "pid=N" is opened as
/// soon as the line is read, so its end is known from a handle.
class ServerProcess {
 public:
  using ms = std::chrono::milliseconds;
  using OnLine = std::function<void(const std::string&)>;

  /// Starts the first generation. `on_line` is called on a thread of this
  /// object. Throws Error.
  explicit ServerProcess(os::LaunchRequest request, OnLine on_line = {});
  /// Ends every process that is left.
  ~ServerProcess();
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  /// The first line that contains `part`, printed before or after this call.
  std::optional<std::string> wait_for_line(std::string_view part,
                                           ms deadline) const;
  /// The same, for lines after the first `skip` ones.
  std::optional<std::string> wait_for_line_after(std::size_t skip,
                                                 std::string_view part,
                                                 ms deadline) const;
  /// So many lines with `part`, printed before or after this call: what a
  /// process has printed may be read after its end, or after its answer.
  bool wait_for_lines(std::string_view part, std::size_t count,
                      ms deadline) const;
  /// What has been read so far.
  std::vector<std::string> lines() const;
  /// When all processes are gone: every line that they printed. Of nobody is
  /// anything heard afterwards.
  std::vector<std::string> lines_to_the_end(ms deadline);
  /// What has been read so far, for a failure's message.
  std::string output() const;

  /// The first generation first, then as they appeared.
  std::vector<os::ProcessId> processes() const;
  std::vector<os::ProcessId> living() const;
  bool wait_gone(os::ProcessId id, ms deadline) const;
  /// The first process is a supervisor's, and stays.
  void expect_supervisor();
  /// Until exactly this one is left, beside a supervisor.
  bool wait_alone(os::ProcessId id, ms deadline) const;
  /// Of the first generation, when it is gone.
  std::optional<os::ExitStatus> first_exit_status() const;

  void kill(os::ProcessId id);
  void ask_to_stop(os::ProcessId id);
  /// With whatever they have started; does not wait.
  void kill_all();
  /// Asks whoever lives to stop, and waits. False: somebody had to be killed.
  bool stop(ms deadline);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace relaunch::test
