#include "support/system_facts.hpp"

#include <cstdint>

#include "common/base/text.hpp"
#include "common/os/system.hpp"
#include "support/resets.hpp"
#include "win32/win32.hpp"
// After windows.h, which they build upon.
#include <psapi.h>
#include <tlhelp32.h>

namespace relaunch::test {
namespace {

bool is_wine() {
  return GetProcAddress(GetModuleHandleW(L"ntdll"), "wine_get_version") !=
         nullptr;
}

}  // namespace

// Every value is tried. To ask the system for all handles of all processes
// would be quicker, but makes the server of Wine 8 crash when processes begin
// and end meanwhile, which leaves all its programs hanging.
std::vector<std::string> list_open_handles() {
  constexpr std::uintptr_t kEnd = 0x4000;  // a test has some hundred at most
  std::vector<std::string> handles;
  for (std::uintptr_t value = 4; value < kEnd; value += 4) {
    const auto handle = reinterpret_cast<HANDLE>(value);
    DWORD flags = 0;
    if (!GetHandleInformation(handle, &flags)) continue;
    handles.push_back(text::cat("handle ", value));
  }
  return handles;
}

OwnFacts own_facts() {
  OwnFacts facts;
  facts.handles = list_open_handles().size();
  const os::Handle snapshot{CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0)};
  THREADENTRY32 thread{};
  thread.dwSize = sizeof thread;
  for (BOOL more = Thread32First(snapshot.get(), &thread); more;
       more = Thread32Next(snapshot.get(), &thread)) {
    if (thread.th32OwnerProcessID == GetCurrentProcessId()) ++facts.threads;
  }
  PROCESS_MEMORY_COUNTERS memory{};
  if (K32GetProcessMemoryInfo(GetCurrentProcess(), &memory, sizeof memory)) {
    facts.resident_kib = memory.WorkingSetSize / 1024;
  }
  return facts;
}

os::Handle open_inheritable_stray() {
  SECURITY_ATTRIBUTES inheritable{sizeof inheritable, nullptr, TRUE};
  return os::Handle{CreateFileW(L"NUL", GENERIC_READ,
                                FILE_SHARE_READ | FILE_SHARE_WRITE,
                                &inheritable, OPEN_EXISTING, 0, nullptr)};
}

bool is_stray(native_handle handle) {
  DWORD flags = 0;
  return GetHandleInformation(handle, &flags) != 0 &&
         GetFileType(handle) == FILE_TYPE_CHAR &&
         (flags & HANDLE_FLAG_INHERIT) != 0;
}

std::string number_of(native_handle handle) {
  return text::cat(reinterpret_cast<std::uintptr_t>(handle));
}

std::string crash_text() { return "exit code 0xC0000005"; }

std::string killed_text() { return "exit code 137"; }

bool has_mode_bits() { return false; }

bool replaces_in_one_step() { return false; }

bool tied_sockets_stay_tied() { return is_wine(); }

os::Socket accept_one(native_socket listener) {
  WSAPOLLFD ready{listener, POLLRDNORM, 0};
  if (WSAPoll(&ready, 1, 20'000) != 1) return {};
  return os::Socket{accept(listener, nullptr, nullptr)};
}

void shut_down(native_socket listener) { shutdown(listener, SD_BOTH); }

bool write_raw(native_handle channel_end, std::string_view bytes) {
  // The low bit keeps the packet away from a completion port.
  const HANDLE event = CreateEventW(nullptr, TRUE, FALSE, nullptr);
  const os::Handle owner{event};
  OVERLAPPED overlapped{};
  overlapped.hEvent =
      reinterpret_cast<HANDLE>(reinterpret_cast<std::uintptr_t>(event) | 1);
  DWORD written = 0;
  if (!WriteFile(channel_end, bytes.data(), static_cast<DWORD>(bytes.size()),
                 nullptr, &overlapped) &&
      GetLastError() != ERROR_IO_PENDING) {
    return false;
  }
  return GetOverlappedResult(channel_end, &overlapped, &written, TRUE) &&
         written == bytes.size();
}

ChildrenIgnored::ChildrenIgnored() = default;
ChildrenIgnored::~ChildrenIgnored() = default;
StopBlocked::StopBlocked() = default;
StopBlocked::~StopBlocked() = default;

int error_number(Lack lack) {
  switch (lack) {
    case Lack::memory:
      return ERROR_NOT_ENOUGH_MEMORY;
    case Lack::handles:
      return ERROR_TOO_MANY_OPEN_FILES;
    case Lack::room:
      return ERROR_NO_SYSTEM_RESOURCES;
    case Lack::disk:
      return ERROR_DISK_FULL;
    case Lack::write_access:
      return ERROR_WRITE_PROTECT;
    case Lack::device:
      break;
  }
  return ERROR_IO_DEVICE;
}

// The write to a pipe stays pending until the reader makes room.
bool waits_for_room() { return false; }

void allow_handles(std::size_t) {}

bool limit_handles(unsigned) { return false; }

void leave_process_group() {}

bool resets_are_told() { return !is_wine(); }

}  // namespace relaunch::test
