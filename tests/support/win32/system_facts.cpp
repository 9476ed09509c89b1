#include "support/system_facts.hpp"

#include <winternl.h>

#include <cstdint>

#include "common/base/text.hpp"
#include "common/os/system.hpp"
#include "win32/win32.hpp"

namespace relaunch::test {
namespace {

// SystemHandleInformation: its form has been the same since Windows NT.
constexpr auto kSystemHandleInformation =
    static_cast<SYSTEM_INFORMATION_CLASS>(16);

struct HandleEntry {
  USHORT process;
  USHORT back_trace;
  UCHAR kind;
  UCHAR flags;
  USHORT value;
  void* object;
  ULONG access;
};

using Query = NTSTATUS(NTAPI*)(SYSTEM_INFORMATION_CLASS, void*, ULONG, ULONG*);

}  // namespace

std::vector<std::string> list_open_handles() {
  const auto query = reinterpret_cast<Query>(reinterpret_cast<void*>(
      GetProcAddress(GetModuleHandleW(L"ntdll"), "NtQuerySystemInformation")));
  constexpr NTSTATUS kTooSmall = static_cast<NTSTATUS>(0xC0000004);
  std::vector<std::uint64_t> space(1 << 16);
  ULONG needed = 0;
  while (query(kSystemHandleInformation, space.data(),
               static_cast<ULONG>(space.size() * 8), &needed) == kTooSmall) {
    space.resize(space.size() * 2);
  }
  const auto count = *reinterpret_cast<const ULONG*>(space.data());
  const auto* entries = reinterpret_cast<const HandleEntry*>(space.data() + 1);
  std::vector<std::string> handles;
  for (ULONG i = 0; i < count; ++i) {
    // Numbers of processes are cut to 16 bits here.
    if (entries[i].process == static_cast<USHORT>(GetCurrentProcessId())) {
      handles.push_back(
          text::cat(entries[i].value, " kind ", int{entries[i].kind}));
    }
  }
  return handles;
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

os::Socket accept_one(native_socket listener) {
  WSAPOLLFD ready{listener, POLLRDNORM, 0};
  if (WSAPoll(&ready, 1, 20'000) != 1) return {};
  return os::Socket{accept(listener, nullptr, nullptr)};
}

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

bool limit_handles(unsigned) { return false; }

void leave_process_group() {}

}  // namespace relaunch::test
