// Processes: launch with a whitelist of handles, watch, ask to stop, kill.
//
// A process is known by a handle (pidfd, process handle), never by its number
// alone: numbers are reused, and a signal sent to a reused one ends a stranger.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.hpp"
#include "common/os/handle.hpp"
#include "common/os/system.hpp"

namespace relaunch::os {

struct ExitStatus {
  enum class Kind {
    exited,     ///< `code` is the exit code (Windows: all 32 bits)
    signalled,  ///< POSIX only: `code` is the signal
    unknown,    ///< not our child, or the host program reaped it itself
  };
  Kind kind = Kind::unknown;
  std::uint32_t code = 0;

  bool success() const { return kind == Kind::exited && code == 0; }
  /// "exit code 3", "signal 11 (Segmentation fault)", "exit code 0xC0000005",
  /// "exit status unknown".
  std::string text() const;
};

/// One handle that the child is to have, and the environment variable that
/// tells it under which number (a decimal).
struct PassedHandle {
  std::string variable;
  native_handle handle = kNoHandle;  ///< borrowed
};

/// Windows; a console is nothing that a POSIX program is stopped by.
enum class Console {
  shared,  ///< ours, or none if we have none
  none,
  /// One of its own that nobody sees, and a process group of its own, which
  /// Ctrl+Break reaches by itself: see console_event.hpp.
  own,
  /// The same without a group, in which Ctrl+C would do nothing.
  own_for_ctrl_c,
};

/// A listening socket that the child is to have for take_passed_sockets().
struct PassedListener {
  std::string name;                  ///< no ':', no control character
  native_socket socket = kNoSocket;  ///< borrowed
};

struct LaunchRequest {
  std::filesystem::path executable;    ///< started as it is, no search path
  std::vector<std::string> arguments;  ///< the name first; UTF-8
  std::filesystem::path folder;        ///< working folder; empty: ours
  Environment environment;             ///< complete; ours is not added
  std::vector<PassedHandle> handles;   ///< beside stdio, nothing else crosses
  /// They become 3, 4, … with LISTEN_FDS, LISTEN_FDNAMES, and LISTEN_PID that
  /// has the child's own number; not together with sure_status. Windows has no
  /// such protocol: there only a program of ours finds them.
  /// https://www.freedesktop.org/software/systemd/man/latest/sd_listen_fds.html
  std::vector<PassedListener> listeners;
  /// Standard output and error; kNoHandle: the child inherits all three
  /// standard streams. Otherwise its standard input is empty.
  native_handle output = kNoHandle;
  /// Standard error, if it is not to go where the output goes.
  native_handle error = kNoHandle;
  /// The child and all its descendants can be killed together (kill_tree), and
  /// they end with this process on Windows (job object). Not for a successor:
  /// it would end with its incumbent.
  bool own_tree = false;
  Console console = Console::shared;
  /// POSIX: the child of whoever started this process, as this one is, who
  /// reaps it: its exit status is not known here. Windows: processes have no
  /// parents.
  bool as_sibling = false;
  /// Its exit status is told also if the host program takes it away. POSIX: a
  /// shell starts it and tells; what a signal ended has exit code 128 and more.
  bool sure_status = false;
};

/// Owns the handle of a process. Destroying it leaves the process alone.
/// May be used from one thread at a time.
class Process {
 public:
  Process() = default;
  /// A process known by a handle that was received, with rights to wait for it
  /// and to end it.
  Process(Handle handle, ProcessId id) : handle_(std::move(handle)), id_(id) {}

  explicit operator bool() const { return static_cast<bool>(handle_); }
  ProcessId id() const { return id_; }
  native_handle handle() const { return handle_.get(); }

  /// True when it has ended (POSIX: the pidfd is readable; a zombie has
  /// ended). Waits for that at most so long.
  bool gone(std::chrono::milliseconds patience = {}) const;
  /// Reaps it where it is our child. Call when gone() is true; answers
  /// `unknown` if the host program took the status away (SIGCHLD ignored, a
  /// wait for everything) and the launch did not ask for sure_status, or the
  /// process was never our child.
  ExitStatus exit_status();

  /// SIGTERM / sets the process's stop event, which exists where that program
  /// has StopRequests (see stop_request.hpp). Asking one that has ended is not
  /// an error.
  Result<void> ask_to_stop() const;
  /// With a signal that the program takes for it: "TERM", "INT", "QUIT", "HUP",
  /// "USR1", "USR2", "WINCH", also with "SIG" in front. Any other name is
  /// errc::invalid_argument. Windows, which has no signals: as above.
  Result<void> ask_to_stop(std::string_view signal) const;
  /// SIGKILL / TerminateProcess(…, kKilledExitCode). Returns before it is
  /// gone. Killing one that has ended is not an error.
  Result<void> kill() const;
  /// Ends it with all descendants; it must have been launched with own_tree.
  Result<void> kill_tree();

 private:
  friend Result<Process> launch(const LaunchRequest&);
  Handle handle_;
  ProcessId id_ = 0;
  Handle tree_;    ///< Windows: the job object
  Handle status_;  ///< POSIX: where the shell of sure_status tells it
};

/// May ask_to_stop() be given this name?
bool is_stop_signal(std::string_view signal);

/// The exit code of a process that was ended by kill() on Windows.
inline constexpr std::uint32_t kKilledExitCode = 137;

/// Starts a program. The child gets the standard streams and the handles named
/// in the request and nothing else; its signal mask is empty and every handler
/// is the default. No handle of the child stays open here on any error.
Result<Process> launch(const LaunchRequest& request);

/// A handle to this very process that another one may use to wait for it and
/// to end it: a pidfd, or a handle with SYNCHRONIZE | PROCESS_TERMINATE.
Result<Handle> own_process_handle();

/// A handle to the process with this number, with the right to wait for it and
/// to end it. The number must come from the process itself or from the system
/// at this moment, and the caller must prove identity another way.
/// std::errc::no_such_process: it has ended. Any other error says nothing
/// about it.
Result<Process> open_process(ProcessId id);

/// What tells a process from a later one with the same number: when it began,
/// and on Linux in which boot. Errors: std::errc::no_such_process.
Result<std::uint64_t> process_identity(ProcessId id);
/// As open_process, if it is that very process. Otherwise
/// std::errc::no_such_process: it has ended, whoever has its number now.
Result<Process> open_process_if(ProcessId id, std::uint64_t identity);

/// Calls back once, on the io_context's thread, when the process has ended.
/// Destroying it cancels: no call comes afterwards. The process need not
/// outlive it.
class ProcessWatch {
 public:
  /// Errors: no room for one more handle.
  static Result<ProcessWatch> start(boost::asio::io_context& io,
                                    const Process& process,
                                    std::function<void()> on_gone);
  ProcessWatch(ProcessWatch&&) noexcept;
  ProcessWatch& operator=(ProcessWatch&&) noexcept;
  ~ProcessWatch();

 private:
  struct Impl;
  explicit ProcessWatch(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

/// The standard output and error of a child: bytes as they come, on the
/// io_context's thread. Descendants that live on may hold the other end open:
/// the end of the stream is no proof that the child has ended.
class OutputPipe {
 public:
  static Result<OutputPipe> open(boost::asio::io_context& io);
  OutputPipe(OutputPipe&&) noexcept;
  OutputPipe& operator=(OutputPipe&&) noexcept;
  ~OutputPipe();  ///< no call comes afterwards

  /// What the child writes to; give it to launch(), then close it here.
  native_handle child_end() const;
  void close_child_end();

  /// `on_bytes` for each piece; an empty piece means the end, once.
  void start(std::function<void(std::string_view)> on_bytes);
  /// Passes on what has been written so far, then ends the stream as above.
  void finish();

 private:
  struct Impl;
  explicit OutputPipe(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace relaunch::os
