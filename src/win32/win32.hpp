// The one way to <windows.h>, and the small things every file here needs.
#pragma once

// Winsock 2 before windows.h, else the old Winsock comes first.
#include <winsock2.h>
#include <ws2tcpip.h>
// mswsock.h needs the types of the two above.
#include <mswsock.h>
#include <windows.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "common/base/result.hpp"
#include "common/os/handle.hpp"
#include "common/os/system.hpp"

namespace relaunch::os::win32 {

/// What is no valid UTF-8 or UTF-16 becomes U+FFFD.
std::wstring wide(std::string_view utf8);
std::string narrow(std::wstring_view utf16);

/// Owns what a call returned; many calls answer null instead of
/// INVALID_HANDLE_VALUE when they fail.
inline Handle own(HANDLE handle) {
  return handle == nullptr ? Handle{} : Handle{handle};
}

inline std::error_code system_code(DWORD code) {
  return {static_cast<int>(code), std::system_category()};
}

/// GetLastError() with what was attempted. The text must not be made by calls
/// that overwrite the error: build it before the call, or keep the code.
inline Error failure(std::string context, DWORD code = GetLastError()) {
  return Error{system_code(code), std::move(context)};
}

/// A second handle to the same object. The pseudo handle of this process has
/// the value of kNoHandle: that one is refused, not duplicated.
Result<Handle> duplicate(native_handle handle, bool inheritable);

/// One argument as CommandLineToArgvW and the C runtime read it back.
/// https://learn.microsoft.com/cpp/c-language/parsing-c-command-line-arguments
std::wstring quoted(std::wstring_view argument);
/// The reverse of quoted(), for a whole command line; shell32, which has
/// CommandLineToArgvW, would bring user32 and a message queue into every host.
std::vector<std::wstring> split_command_line(std::wstring_view line);

/// Where the image of this process is now. GetModuleFileNameW keeps telling
/// the name it was started by, also after it was moved aside.
Result<std::filesystem::path> running_image_path();
/// move_running_file_aside() tells where it went: Wine's
/// QueryFullProcessImageNameW does not follow a rename, as Windows' does.
void remember_image_path(std::filesystem::path path);

/// `Local\relaunch-stop-<pid>`
std::wstring stop_event_name(ProcessId id);

/// A pipe between two ends in this process, neither inheritable.
struct PipePair {
  Handle server;  ///< overlapped
  Handle client;
};
/// `access`: PIPE_ACCESS_DUPLEX or PIPE_ACCESS_INBOUND. `client_flags`:
/// FILE_FLAG_OVERLAPPED or none.
Result<PipePair> make_pipe(DWORD access, DWORD client_flags,
                           DWORD buffer = 64 * 1024);

}  // namespace relaunch::os::win32
