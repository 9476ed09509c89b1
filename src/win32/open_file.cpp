#include "common/os/open_file.hpp"

#include <winternl.h>

#include "common/base/text.hpp"
#include "win32/win32.hpp"

namespace relaunch::os {
namespace {

using NtQueryObjectFunction = NTSTATUS(NTAPI*)(HANDLE, ULONG, PVOID, ULONG,
                                               PULONG);

/// What ObjectBasicInformation answers; <winternl.h> has only its name.
/// https://learn.microsoft.com/windows/win32/api/winternl/nf-winternl-ntqueryobject
struct BasicInformation {
  ULONG attributes;
  ACCESS_MASK granted_access;
  ULONG handle_count;
  ULONG pointer_count;
  ULONG reserved[10];
};

Result<ACCESS_MASK> granted_access(native_handle file) {
  static const auto query =
      reinterpret_cast<NtQueryObjectFunction>(reinterpret_cast<void (*)()>(
          GetProcAddress(GetModuleHandleW(L"ntdll"), "NtQueryObject")));
  BasicInformation facts{};
  if (query == nullptr || query(file, 0, &facts, sizeof facts, nullptr) != 0) {
    return Error{errc::invalid_argument, "cannot use a file: it is not open"};
  }
  return facts.granted_access;
}

}  // namespace

Result<FileFacts> describe_file(native_handle file) {
  const auto refused = [](std::string_view why) {
    return Error{errc::invalid_argument, text::cat("cannot use a file: ", why)};
  };
  const auto granted = granted_access(file);
  if (!granted) return granted.error();
  FileFacts result;
  const DWORD type = GetFileType(file);
  if (type == FILE_TYPE_PIPE) {
    result.kind = FileKind::pipe;
  } else if (type != FILE_TYPE_DISK) {
    return refused("it is neither a file nor a pipe");
  }
  const bool reads = (*granted & FILE_READ_DATA) != 0;
  // A log is often opened for appending only.
  // For a pipe that bit is FILE_CREATE_PIPE_INSTANCE.
  const DWORD append = result.kind == FileKind::file ? FILE_APPEND_DATA : 0;
  const bool writes = (*granted & (FILE_WRITE_DATA | append)) != 0;
  if (!reads && !writes) return refused("it cannot be read or written");
  result.access = reads && writes ? FileAccess::read_write
                  : reads         ? FileAccess::read
                                  : FileAccess::write;
  return result;
}

Result<Handle> duplicate_handle(native_handle file) {
  return win32::duplicate(file, false);
}

}  // namespace relaunch::os
