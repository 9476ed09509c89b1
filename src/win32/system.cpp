#include "common/os/system.hpp"

#include <boost/system/error_code.hpp>

#include "common/base/text.hpp"
#include "win32/win32.hpp"

namespace relaunch::os {

namespace fs = std::filesystem;

void HandleTraits::close(native_type native) noexcept { CloseHandle(native); }
void SocketTraits::close(native_type native) noexcept { closesocket(native); }

std::error_code last_error() { return win32::system_code(GetLastError()); }

std::error_code last_socket_error() {
  // By way of Boost, which knows what Winsock's codes mean (address_in_use);
  // mingw-w64's system_category() does not.
  return boost::system::error_code{WSAGetLastError(),
                                   boost::system::system_category()};
}

void set_last_error(int number) {
  // Winsock keeps its last error in the same place.
  SetLastError(static_cast<DWORD>(number));
}

ProcessId own_process_id() { return GetCurrentProcessId(); }

native_handle handle_from_number(std::uintptr_t number) {
  return reinterpret_cast<native_handle>(number);
}

void keep_from_children(native_handle handle) {
  SetHandleInformation(handle, HANDLE_FLAG_INHERIT, 0);
}

Result<std::vector<std::string>> own_arguments() {
  // Not main()'s: those are in the code page of the system.
  std::vector<std::string> arguments;
  for (const auto& word : win32::split_command_line(GetCommandLineW())) {
    arguments.push_back(win32::narrow(word));
  }
  return arguments;
}

Result<fs::path> running_executable() {
  std::wstring path(MAX_PATH, L'\0');
  for (;;) {
    const DWORD size = static_cast<DWORD>(path.size());
    const DWORD length = GetModuleFileNameW(nullptr, path.data(), size);
    if (length == 0) {
      return win32::failure(
          "cannot find the running program: GetModuleFileNameW");
    }
    if (length < size) {
      path.resize(length);
      return fs::path{path};
    }
    path.resize(path.size() * 2);  // it was cut off
  }
}

Result<Handle> open_running_image() {
  auto path = win32::running_image_path();
  if (!path) return path.error();
  // Shared for deletion: the file may be renamed while we read it.
  Handle file{CreateFileW(path->c_str(), GENERIC_READ,
                          FILE_SHARE_READ | FILE_SHARE_DELETE, nullptr,
                          OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr)};
  if (!file) {
    const DWORD code = GetLastError();
    return win32::failure(text::cat("cannot open ", *path, ": CreateFileW"),
                          code);
  }
  return file;
}

Environment own_environment() {
  Environment environment;
  wchar_t* const block = GetEnvironmentStringsW();
  if (block == nullptr) return environment;
  for (const wchar_t* at = block; *at != L'\0';) {
    const std::wstring_view entry{at};
    at += entry.size() + 1;
    // "=C:=C:\folder" is cmd.exe's folder per drive: no name, nobody's
    // business.
    if (entry.front() != L'=') environment.push_back(win32::narrow(entry));
  }
  FreeEnvironmentStringsW(block);
  return environment;
}

std::optional<std::string> environment_variable(std::string_view name) {
  const std::wstring wide_name = win32::wide(name);
  std::wstring value(64, L'\0');
  for (;;) {
    SetLastError(ERROR_SUCCESS);  // an empty value is no error and 0 long
    const DWORD size = static_cast<DWORD>(value.size());
    const DWORD length =
        GetEnvironmentVariableW(wide_name.c_str(), value.data(), size);
    if (length == 0 && GetLastError() != ERROR_SUCCESS) return std::nullopt;
    if (length < size) {
      value.resize(length);
      return win32::narrow(value);
    }
    value.resize(length);
  }
}

void unset_environment_variable(std::string_view name) {
  const std::wstring wide_name = win32::wide(name);
  _wputenv((wide_name + L"=").c_str());  // the C runtime's own copy
  SetEnvironmentVariableW(wide_name.c_str(), nullptr);
}

char path_list_separator() { return ';'; }

std::string_view executable_suffix() { return ".exe"; }

void open_missing_streams() {}

// What the program itself is linked against has been loaded by then: only
// libraries of the system, which the loader takes from its own list.
// https://learn.microsoft.com/windows/win32/api/libloaderapi/nf-libloaderapi-setdefaultdlldirectories
void load_libraries_from_system_only() {
  SetDefaultDllDirectories(LOAD_LIBRARY_SEARCH_SYSTEM32);
}

void keep_signals_from_this_thread() {}

namespace {

struct CloseServiceHandleLater {
  SC_HANDLE manager;
  ~CloseServiceHandleLater() { CloseServiceHandle(manager); }
};

// Is this number the process of a running service? A manager that may not be
// asked is taken as a no: what it started could ask it.
bool is_service_process(DWORD id) {
  const SC_HANDLE manager =
      OpenSCManagerW(nullptr, nullptr, SC_MANAGER_ENUMERATE_SERVICE);
  if (manager == nullptr) return false;
  const CloseServiceHandleLater close{manager};
  // 256 KiB is the most that one call fills.
  std::vector<ENUM_SERVICE_STATUS_PROCESSW> services(
      256 * 1024 / sizeof(ENUM_SERVICE_STATUS_PROCESSW));
  DWORD resume = 0;
  for (;;) {
    DWORD needed = 0;
    DWORD count = 0;
    const BOOL all = EnumServicesStatusExW(
        manager, SC_ENUM_PROCESS_INFO, SERVICE_WIN32, SERVICE_ACTIVE,
        reinterpret_cast<BYTE*>(services.data()),
        static_cast<DWORD>(services.size() * sizeof services.front()), &needed,
        &count, &resume, nullptr);
    if (!all && GetLastError() != ERROR_MORE_DATA) return false;
    for (DWORD i = 0; i != count; ++i) {
      if (services[i].ServiceStatusProcess.dwProcessId == id) return true;
    }
    if (all || count == 0) return false;
  }
}

}  // namespace

std::optional<std::string> why_not_replaceable() {
  if (!is_service_process(GetCurrentProcessId())) return std::nullopt;
  return text::cat("the Windows service manager knows this service by process ",
                   own_process_id(), ": run it under relaunch run");
}

Result<fs::path> default_state_folder() {
  const auto local = environment_variable("LOCALAPPDATA");
  if (!local || local->empty()) {
    return Error{make_error_code(errc::invalid_argument),
                 "cannot choose a state folder: LOCALAPPDATA is not set"};
  }
  return text::path_from_utf8(*local) / "relaunch";
}

}  // namespace relaunch::os
