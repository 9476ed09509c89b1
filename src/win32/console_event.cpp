#include "common/os/console_event.hpp"

#include "common/base/text.hpp"
#include "win32/win32.hpp"

namespace relaunch::os {

namespace {

// The helper is in that console too, and must live until it has told.
BOOL WINAPI ignore(DWORD) { return TRUE; }

}  // namespace

Result<void> can_send_console_events() { return {}; }

Result<void> send_console_event(native_handle process, ConsoleEvent event) {
  // The number cannot be reused while its handle is open here.
  const DWORD id = GetProcessId(process);
  if (id == 0) {
    return win32::failure("cannot stop a process by its console: GetProcessId");
  }
  const auto failed = [id](const char* call, DWORD code) {
    return win32::failure(
        text::cat("cannot stop process ", id, " by its console: ", call), code);
  };
  // An error means that there was none, as it should be.
  FreeConsole();
  if (!AttachConsole(id)) return failed("AttachConsole", GetLastError());
  bool told = SetConsoleCtrlHandler(&ignore, TRUE) != 0;
  if (told) {
    // Ctrl+C goes to no single group: to all in that console.
    told = event == ConsoleEvent::ctrl_break
               ? GenerateConsoleCtrlEvent(CTRL_BREAK_EVENT, id) != 0
               : GenerateConsoleCtrlEvent(CTRL_C_EVENT, 0) != 0;
  }
  const DWORD code = GetLastError();
  FreeConsole();
  if (!told) return failed("GenerateConsoleCtrlEvent", code);
  return {};
}

}  // namespace relaunch::os
