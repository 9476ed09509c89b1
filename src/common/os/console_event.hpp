// Stopping a Windows program that knows only its console: what Ctrl+Break and
// Ctrl+C do at a keyboard.
#pragma once

#include "common/base/result.hpp"
#include "common/os/process.hpp"

namespace relaunch::os {

enum class ConsoleEvent {
  ctrl_break,  ///< for one that was launched with Console::own
  ctrl_c,      ///< for one that was launched with Console::own_for_ctrl_c
};

/// Nothing if programs are stopped so on this system. POSIX:
/// std::errc::not_supported, since they are stopped by a signal there.
Result<void> can_send_console_events();

/// To all processes in the console of `process`, which must not be ours; with
/// ctrl_break to those of its process group. A process has one console at a
/// time, and has to leave its own for that one: only for a helper process that
/// does nothing else. Errors: it has ended, or it has no console.
/// https://learn.microsoft.com/windows/console/generateconsolectrlevent
Result<void> send_console_event(native_handle process, ConsoleEvent event);

}  // namespace relaunch::os
