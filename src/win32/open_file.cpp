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

Error refused(std::string_view why) {
  return Error{make_error_code(errc::invalid_argument),
               text::cat("cannot use a file: ", why)};
}

/// GetFileType calls it a pipe.
bool is_socket(native_handle file) {
  int type = 0;
  int size = sizeof type;
  return getsockopt(reinterpret_cast<SOCKET>(file), SOL_SOCKET, SO_TYPE,
                    reinterpret_cast<char*>(&type), &size) == 0;
}

Result<ACCESS_MASK> granted_access(native_handle file) {
  static const auto query =
      reinterpret_cast<NtQueryObjectFunction>(reinterpret_cast<void (*)()>(
          GetProcAddress(GetModuleHandleW(L"ntdll"), "NtQueryObject")));
  BasicInformation facts{};
  if (query == nullptr || query(file, 0, &facts, sizeof facts, nullptr) != 0) {
    return refused("it is not open");
  }
  return facts.granted_access;
}

}  // namespace

Result<FileFacts> describe_file(native_handle file) {
  const DWORD type = GetFileType(file);
  if (type == FILE_TYPE_PIPE) {
    return describe_arrived_file(file, FileKind::pipe);
  }
  FILE_STANDARD_INFO facts{};
  if (type != FILE_TYPE_DISK ||
      (GetFileInformationByHandleEx(file, FileStandardInfo, &facts,
                                    sizeof facts) != 0 &&
       facts.Directory != 0)) {
    return refused("it is neither a file nor a pipe");
  }
  return describe_arrived_file(file, FileKind::file);
}

Result<FileFacts> describe_arrived_file(native_handle file,
                                        FileKind announced) {
  const auto granted = granted_access(file);
  if (!granted) return granted.error();
  if (is_socket(file)) return refused("it is a socket");
  FileFacts facts;
  facts.kind = announced;
  const bool reads = (*granted & FILE_READ_DATA) != 0;
  // A log is often opened for appending only. For a pipe that bit is
  // FILE_CREATE_PIPE_INSTANCE.
  const DWORD append = announced == FileKind::file ? FILE_APPEND_DATA : 0;
  const bool writes = (*granted & (FILE_WRITE_DATA | append)) != 0;
  if (!reads && !writes) return refused("it cannot be read or written");
  facts.access = reads && writes ? FileAccess::read_write
                 : reads         ? FileAccess::read
                                 : FileAccess::write;
  return facts;
}

Result<Handle> duplicate_handle(native_handle file) {
  return win32::duplicate(file, false);
}

}  // namespace relaunch::os
