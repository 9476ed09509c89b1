#include "common/os/process.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <iterator>

#include "common/base/text.hpp"
#include "common/os/fault.hpp"
#include "win32/win32.hpp"

namespace relaunch::os {

std::string ExitStatus::text() const {
  if (kind == Kind::unknown) return "exit status unknown";
  // What the system ends a process with is an NTSTATUS of severity error.
  if (code < 0xC0000000) return relaunch::text::cat("exit code ", code);
  std::array<char, 32> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "exit code 0x%08lX",
                static_cast<unsigned long>(code));
  return buffer.data();
}

bool Process::gone(std::chrono::milliseconds patience) const {
  // kNoHandle is this very process to every call below.
  if (!handle_) return true;
  const auto limit = static_cast<DWORD>(patience.count());
  return WaitForSingleObject(handle_.get(), limit) == WAIT_OBJECT_0;
}

ExitStatus Process::exit_status() {
  DWORD code = 0;
  if (!handle_ || !GetExitCodeProcess(handle_.get(), &code)) return {};
  return {ExitStatus::Kind::exited, code};
}

Result<void> Process::ask_to_stop() const {
  if (gone()) return {};
  // The number cannot be reused while we hold its handle.
  const Handle event = win32::own(OpenEventW(
      EVENT_MODIFY_STATE, FALSE, win32::stop_event_name(id_).c_str()));
  if (event && SetEvent(event.get())) return {};
  const DWORD code = GetLastError();
  if (gone()) return {};
  return win32::failure(
      text::cat("cannot ask process ", id_, " to stop: ",
                event ? "SetEvent" : "OpenEventW (it takes no stop requests)"),
      code);
}

Result<void> Process::ask_to_stop(std::string_view signal) const {
  if (is_stop_signal(signal)) return ask_to_stop();
  return Error{errc::invalid_argument,
               text::cat("cannot stop process ", id_, ": signal '",
                         text::printable(signal), "'")};
}

// The names are those of POSIX, so that one configuration serves both.
bool is_stop_signal(std::string_view signal) {
  constexpr std::string_view kSignals[] = {"TERM", "INT",  "QUIT", "HUP",
                                           "USR1", "USR2", "WINCH"};
  if (signal.starts_with("SIG")) signal.remove_prefix(3);
  return std::find(std::begin(kSignals), std::end(kSignals), signal) !=
         std::end(kSignals);
}

Result<void> Process::kill() const {
  if (gone()) return {};
  if (TerminateProcess(handle_.get(), kKilledExitCode)) return {};
  const DWORD code = GetLastError();
  // One that is ending already answers "access denied" for a moment.
  if (gone()) return {};
  return win32::failure(
      text::cat("cannot end process ", id_, ": TerminateProcess"), code);
}

Result<void> Process::kill_tree() {
  if (!tree_) return kill();
  if (TerminateJobObject(tree_.get(), kKilledExitCode)) return {};
  return win32::failure(text::cat("cannot end process ", id_,
                                  " and its descendants: TerminateJobObject"));
}

Result<Handle> own_process_handle() {
  HANDLE handle = nullptr;
  if (!DuplicateHandle(GetCurrentProcess(), GetCurrentProcess(),
                       GetCurrentProcess(), &handle,
                       SYNCHRONIZE | PROCESS_TERMINATE, FALSE, 0)) {
    return win32::failure(
        "cannot make a handle to this process: DuplicateHandle");
  }
  return Handle{handle};
}

Result<Process> open_process(ProcessId id) {
  if (fault("process.open")) {
    const DWORD code = GetLastError();
    return win32::failure(
        text::cat("cannot open process ", id, ": OpenProcess"), code);
  }
  constexpr DWORD kRights =
      SYNCHRONIZE | PROCESS_TERMINATE | PROCESS_QUERY_LIMITED_INFORMATION;
  // To duplicate handles into it is what a channel to it needs; a process with
  // more rights than ours denies that.
  Handle handle =
      win32::own(OpenProcess(kRights | PROCESS_DUP_HANDLE, FALSE, id));
  if (!handle && GetLastError() == ERROR_ACCESS_DENIED) {
    handle = win32::own(OpenProcess(kRights, FALSE, id));
  }
  if (!handle) {
    const DWORD code = GetLastError();
    std::string text = text::cat("cannot open process ", id, ": OpenProcess");
    if (code == ERROR_INVALID_PARAMETER) {  // no process has this number
      return Error{std::make_error_code(std::errc::no_such_process),
                   std::move(text)};
    }
    return win32::failure(std::move(text), code);
  }
  return Process{std::move(handle), id};
}

namespace {

// Stable for the life of a process, and never the same for two of one number.
// https://learn.microsoft.com/windows/win32/api/processthreadsapi/nf-processthreadsapi-getprocesstimes
Result<std::uint64_t> began_at(HANDLE process, ProcessId id) {
  FILETIME began{}, ended{}, kernel{}, user{};
  if (!GetProcessTimes(process, &began, &ended, &kernel, &user)) {
    return win32::failure(
        text::cat("cannot tell when process ", id, " began: GetProcessTimes"));
  }
  return std::uint64_t{began.dwHighDateTime} << 32 | began.dwLowDateTime;
}

}  // namespace

Result<std::uint64_t> process_identity(ProcessId id) {
  auto process = open_process(id);
  if (!process) return process.error();
  return began_at(process->handle(), id);
}

Result<Process> open_process_if(ProcessId id, std::uint64_t identity) {
  auto process = open_process(id);
  if (!process) return process;
  const auto began = began_at(process->handle(), id);
  if (began && *began == identity && !process->gone()) return process;
  return Error{make_error_code(std::errc::no_such_process),
               text::cat("process ", id, " is another one by now")};
}

}  // namespace relaunch::os
