// Facts about this process, and the last error of the operating system.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "common/base/result.hpp"
#include "common/os/handle.hpp"

namespace relaunch::os {

using ProcessId = std::uint32_t;

/// errno / GetLastError() as a code of std::system_category(). Read it before
/// anything else can overwrite it.
std::error_code last_error();
/// errno / WSAGetLastError().
std::error_code last_socket_error();
/// What both of them answer next.
void set_last_error(int number);

ProcessId own_process_id();

/// The handle of this process that a decimal number in a variable means.
native_handle handle_from_number(std::uintptr_t number);
/// Close on exec / not inheritable from here on.
void keep_from_children(native_handle handle);

/// This program's arguments, its name first, in UTF-8, as the system has them.
Result<std::vector<std::string>> own_arguments();

/// Absolute path of the running program. POSIX: after the file was replaced
/// the path ends in " (deleted)"; start successors from a configured path.
Result<std::filesystem::path> running_executable();

/// The bytes of the running program, opened for reading, whatever its file is
/// called by now. They cannot change while it runs: Linux answers ETXTBSY to a
/// writer, Windows ERROR_SHARING_VIOLATION.
/// https://man7.org/linux/man-pages/man5/proc_pid_exe.5.html
Result<Handle> open_running_image();

/// "NAME=VALUE" in UTF-8, as exec and CreateProcess take them.
using Environment = std::vector<std::string>;
Environment own_environment();
/// Nothing if the variable is not set.
std::optional<std::string> environment_variable(std::string_view name);
/// Not thread-safe on POSIX (unsetenv): call before threads are started.
void unset_environment_variable(std::string_view name);

/// Between the folders of PATH: ':' or ';'.
char path_list_separator();
/// What the file of a program ends in: nothing, or ".exe".
std::string_view executable_suffix();

/// A standard stream that is closed is opened on nothing: otherwise the next
/// file or socket would get its number, and all that the program prints.
/// Windows: nothing to do, a stream is no number there.
void open_missing_streams();

/// Windows: a DLL beside the program, in its working folder or on the PATH is
/// not taken for one of the system's. Before anything else is done. POSIX:
/// nothing to do.
void load_libraries_from_system_only();

/// The host's signal handlers run on the host's threads: this one takes none.
/// Windows: nothing to do.
void keep_signals_from_this_thread();

/// Why this process cannot hand itself over, with the way out; nothing if it
/// can. PID 1 of a container ends the container with it, and the Windows
/// service manager knows a service by the one process that it started.
std::optional<std::string> why_not_replaceable();

/// Where state belongs by the system's custom, without the program's name:
/// POSIX: root /var/lib/relaunch, else $XDG_STATE_HOME/relaunch or
/// ~/.local/state/relaunch. Windows: %LOCALAPPDATA%\relaunch.
Result<std::filesystem::path> default_state_folder();

}  // namespace relaunch::os
