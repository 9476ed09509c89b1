#include "common/os/files.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "common/base/text.hpp"
#include "common/os/fault.hpp"
#include "common/os/temporary_name.hpp"
#include "win32/access.hpp"

namespace relaunch::os {

namespace {

constexpr DWORD kShareAll =
    FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;

// "cannot <verb> <path>: <call>" with GetLastError() as it is on entry.
Error cannot(std::string_view verb, const fs::path& path,
             std::string_view call) {
  const DWORD code = GetLastError();
  return win32::failure(text::cat("cannot ", verb, " ", path, ": ", call),
                        code);
}

bool is_link(DWORD attributes) {
  return attributes != INVALID_FILE_ATTRIBUTES &&
         (attributes & FILE_ATTRIBUTE_REPARSE_POINT) != 0;
}

bool is_folder(DWORD attributes) {
  return attributes != INVALID_FILE_ATTRIBUTES &&
         (attributes & FILE_ATTRIBUTE_DIRECTORY) != 0;
}

Result<void> write_all(const Handle& file, const fs::path& path,
                       std::string_view bytes) {
  while (!bytes.empty()) {
    const DWORD size =
        static_cast<DWORD>(std::min<std::size_t>(bytes.size(), 1 << 20));
    DWORD written = 0;
    if (fault("file.write") ||
        !WriteFile(file.get(), bytes.data(), size, &written, nullptr)) {
      return cannot("write", path, "WriteFile");
    }
    bytes.remove_prefix(written);
  }
  if (fault("file.sync") || !FlushFileBuffers(file.get())) {
    return cannot("write", path, "FlushFileBuffers");
  }
  return {};
}

Result<void> write_new(const fs::path& path, std::string_view bytes) {
  const Handle file{CreateFileW(path.c_str(), GENERIC_WRITE, 0, nullptr,
                                CREATE_NEW, FILE_ATTRIBUTE_NORMAL, nullptr)};
  if (!file) return cannot("write", path, "CreateFileW");
  return write_all(file, path, bytes);
}

// As rename() on POSIX: a reader that shares deletion keeps the old file and is
// in nobody's way. NTFS on Windows 10 and newer; others answer an error.
// https://learn.microsoft.com/windows-hardware/drivers/ddi/ntifs/ns-ntifs-_file_rename_information
bool rename_like_posix(const fs::path& from, const fs::path& to) {
  // FileRenameInfoEx; FILE_RENAME_FLAG_REPLACE_IF_EXISTS and _POSIX_SEMANTICS.
  constexpr auto kRenameInfoEx = static_cast<FILE_INFO_BY_HANDLE_CLASS>(22);
  constexpr DWORD kFlags = 1 | 2;
  const Handle file{CreateFileW(from.c_str(), GENERIC_WRITE | DELETE, kShareAll,
                                nullptr, OPEN_EXISTING, 0, nullptr)};
  std::error_code failed;
  const std::wstring name = fs::absolute(to, failed).wstring();
  if (!file || failed) return false;
  const std::size_t bytes = name.size() * sizeof(wchar_t);
  std::vector<std::uint64_t> space((sizeof(FILE_RENAME_INFO) + bytes) / 8 + 1);
  auto* const info = reinterpret_cast<FILE_RENAME_INFO*>(space.data());
  std::memcpy(info, &kFlags, sizeof kFlags);
  info->FileNameLength = static_cast<DWORD>(bytes);
  std::memcpy(info->FileName, name.c_str(), bytes);
  return SetFileInformationByHandle(file.get(), kRenameInfoEx, info,
                                    static_cast<DWORD>(space.size() * 8)) !=
             0 &&
         FlushFileBuffers(file.get()) != 0;
}

// Two renames by way of a third name, which keep the old file if they fail. A
// power loss between them leaves none, so this comes after all else.
bool swap_files(const fs::path& from, const fs::path& to) {
  const std::wstring old = from.wstring() + L".old";
  if (!ReplaceFileW(to.c_str(), from.c_str(), old.c_str(),
                    REPLACEFILE_IGNORE_MERGE_ERRORS, nullptr, nullptr)) {
    return false;
  }
  DeleteFileW(old.c_str());
  return true;
}

// A reader (a virus scanner, too) that has the file open makes this fail.
bool replace_patiently(const fs::path& from, const fs::path& to) {
  using std::chrono::milliseconds;
  constexpr milliseconds kPatience{1000};
  constexpr milliseconds kEarlyPatience{250};
  constexpr DWORD kPauseMs = 1;
  const auto start = std::chrono::steady_clock::now();
  for (;;) {
    if (!fault("file.rename") &&
        MoveFileExW(from.c_str(), to.c_str(),
                    MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH)) {
      return true;
    }
    const DWORD code = GetLastError();
    const bool held =
        (code == ERROR_ACCESS_DENIED || code == ERROR_SHARING_VIOLATION) &&
        !is_folder(GetFileAttributesW(to.c_str()));
    if (held && rename_like_posix(from, to)) return true;
    const auto waited = std::chrono::steady_clock::now() - start;
    if (held && waited >= kEarlyPatience && swap_files(from, to)) return true;
    if (!held || waited >= kPatience) {
      SetLastError(code);
      return false;
    }
    Sleep(kPauseMs);
  }
}

bool same_path(const fs::path& a, const fs::path& b) {
  return CompareStringOrdinal(a.c_str(), -1, b.c_str(), -1, TRUE) == CSTR_EQUAL;
}

bool make_folder(const fs::path& folder, void* allowed) {
  SECURITY_ATTRIBUTES security{sizeof security, allowed, FALSE};
  return CreateDirectoryW(folder.c_str(), &security) != 0;
}

// A folder that was there already.
Result<void> check_private_folder(const fs::path& folder) {
  const Handle open{CreateFileW(
      folder.c_str(), READ_CONTROL | FILE_READ_ATTRIBUTES, kShareAll, nullptr,
      OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT,
      nullptr)};
  if (!open) return cannot("use", folder, "CreateFileW");
  BY_HANDLE_FILE_INFORMATION info{};
  if (!GetFileInformationByHandle(open.get(), &info)) {
    return cannot("use", folder, "GetFileInformationByHandle");
  }
  const auto refused = [&](DWORD code, std::string_view why) {
    return win32::failure(
        text::cat("cannot use ", folder, " as a private folder: ", why), code);
  };
  if (is_link(info.dwFileAttributes)) {
    return refused(ERROR_ACCESS_DENIED, "it is a link");
  }
  if (!is_folder(info.dwFileAttributes)) {
    return refused(ERROR_DIRECTORY, "it is none");
  }
  return win32::check_folder(folder, open.get());
}

/// Those that are missing, for nobody else either: one of them may be used as a
/// private folder later.
Result<void> make_parents(const fs::path& folder, void* allowed) {
  std::vector<fs::path> missing;
  std::error_code failed;
  for (fs::path each = folder.parent_path();
       !each.empty() && !fs::exists(each, failed); each = each.parent_path()) {
    if (failed) return Error{failed, text::cat("cannot make folder ", each)};
    missing.push_back(each);
  }
  for (auto each = missing.rbegin(); each != missing.rend(); ++each) {
    if (!make_folder(*each, allowed) &&
        GetLastError() != ERROR_ALREADY_EXISTS) {
      return cannot("make folder", *each, "CreateDirectoryW");
    }
  }
  return {};
}

}  // namespace

Result<void> make_private_folder(const fs::path& given) {
  const fs::path folder = given.has_filename() ? given : given.parent_path();
  auto allowed = win32::only_for(win32::Openers::trusted_inside);
  if (!allowed) return allowed.error();
  if (auto made = make_parents(folder, allowed->get()); !made) return made;
  if (!fault("folder.make") && make_folder(folder, allowed->get())) return {};
  if (GetLastError() != ERROR_ALREADY_EXISTS) {
    return cannot("make folder", folder, "CreateDirectoryW");
  }
  return check_private_folder(folder);
}

Result<std::string> read_file(const fs::path& file, std::size_t limit) {
  // Opened as what it is, so that a link is seen and not followed.
  const Handle opened{CreateFileW(
      file.c_str(), GENERIC_READ, kShareAll, nullptr, OPEN_EXISTING,
      FILE_ATTRIBUTE_NORMAL | FILE_FLAG_OPEN_REPARSE_POINT, nullptr)};
  if (!opened || fault("file.open")) return cannot("read", file, "CreateFileW");
  BY_HANDLE_FILE_INFORMATION info{};
  if (!GetFileInformationByHandle(opened.get(), &info)) {
    return cannot("read", file, "GetFileInformationByHandle");
  }
  if (is_link(info.dwFileAttributes)) {
    return Error{make_error_code(errc::invalid_argument),
                 text::cat("cannot read ", file, ": it is a link")};
  }
  std::string bytes;
  for (;;) {
    auto some = read_some(opened.get(), 64 * 1024);
    if (!some) {
      return Error{some.error().code(),
                   text::cat("cannot read ", file, ": ReadFile")};
    }
    if (some->empty()) return bytes;
    bytes += *some;
    if (bytes.size() > limit) {
      return Error{make_error_code(errc::invalid_argument),
                   text::cat("cannot read ", file, ": it has more than ", limit,
                             " bytes")};
    }
  }
}

Result<void> write_durably(const fs::path& file, std::string_view bytes) {
  const fs::path temporary = temporary_name(file);
  auto result = write_new(temporary, bytes);
  if (result && !replace_patiently(temporary, file)) {
    result = cannot("write", file, "MoveFileExW");
  }
  if (!result) DeleteFileW(temporary.c_str());
  return result;
}

Result<void> publish_file(const fs::path& file, std::string_view bytes) {
  return write_durably(file, bytes);
}

Result<void> write_in_place(const fs::path& file, std::size_t offset,
                            std::string_view bytes) {
  const Handle opened{CreateFileW(
      file.c_str(), GENERIC_READ | GENERIC_WRITE, kShareAll, nullptr,
      OPEN_ALWAYS, FILE_ATTRIBUTE_NORMAL | FILE_FLAG_OPEN_REPARSE_POINT,
      nullptr)};
  if (!opened || fault("file.open"))
    return cannot("write", file, "CreateFileW");
  BY_HANDLE_FILE_INFORMATION info{};
  if (!GetFileInformationByHandle(opened.get(), &info)) {
    return cannot("write", file, "GetFileInformationByHandle");
  }
  if (is_link(info.dwFileAttributes)) {
    return Error{make_error_code(errc::invalid_argument),
                 text::cat("cannot write ", file, ": it is a link")};
  }
  LARGE_INTEGER place{};
  place.QuadPart = static_cast<LONGLONG>(offset);
  if (!SetFilePointerEx(opened.get(), place, nullptr, FILE_BEGIN)) {
    return cannot("write", file, "SetFilePointerEx");
  }
  return write_all(opened, file, bytes);
}

Result<void> copy_file(const fs::path& from, const fs::path& to) {
  if (!fault("file.copy") && CopyFileW(from.c_str(), to.c_str(), TRUE))
    return {};
  const DWORD code = GetLastError();
  return win32::failure(
      text::cat("cannot copy ", from, " to ", to, ": CopyFileW"), code);
}

Result<void> sync_file(const fs::path& file) {
  // To flush takes the right to write, which a read-only file denies.
  const DWORD attributes = GetFileAttributesW(file.c_str());
  const bool read_only = attributes != INVALID_FILE_ATTRIBUTES &&
                         (attributes & FILE_ATTRIBUTE_READONLY) != 0;
  if (read_only) {
    SetFileAttributesW(file.c_str(),
                       attributes & ~DWORD{FILE_ATTRIBUTE_READONLY});
  }
  Result<void> result;
  const Handle opened{CreateFileW(file.c_str(), GENERIC_WRITE, kShareAll,
                                  nullptr, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL,
                                  nullptr)};
  if (!opened) {
    result = cannot("sync", file, "CreateFileW");
  } else if (fault("file.sync") || !FlushFileBuffers(opened.get())) {
    result = cannot("sync", file, "FlushFileBuffers");
  }
  if (read_only) SetFileAttributesW(file.c_str(), attributes);
  return result;
}

bool is_executable(const fs::path&) { return true; }

Result<std::string> read_some(native_handle file, std::size_t limit) {
  std::string bytes(std::min<std::size_t>(limit, 1 << 20), '\0');
  DWORD size = 0;
  if (!ReadFile(file, bytes.data(), static_cast<DWORD>(bytes.size()), &size,
                nullptr)) {
    return win32::failure("cannot read an open file: ReadFile");
  }
  bytes.resize(size);
  return bytes;
}

Result<void> rewind_file(native_handle file) {
  if (SetFilePointerEx(file, LARGE_INTEGER{}, nullptr, FILE_BEGIN)) return {};
  return win32::failure("cannot rewind an open file: SetFilePointerEx");
}

bool is_same_file(const fs::path& path, native_handle file) {
  const Handle opened{CreateFileW(path.c_str(), FILE_READ_ATTRIBUTES, kShareAll,
                                  nullptr, OPEN_EXISTING,
                                  FILE_FLAG_BACKUP_SEMANTICS, nullptr)};
  if (!opened) return false;
  BY_HANDLE_FILE_INFORMATION a{};
  BY_HANDLE_FILE_INFORMATION b{};
  return GetFileInformationByHandle(opened.get(), &a) &&
         GetFileInformationByHandle(file, &b) &&
         a.dwVolumeSerialNumber == b.dwVolumeSerialNumber &&
         a.nFileIndexHigh == b.nFileIndexHigh &&
         a.nFileIndexLow == b.nFileIndexLow;
}

fs::path aside_name(const fs::path& file, ProcessId pid) {
  return text::path_from_utf8(text::cat(file, ".relaunch-", pid));
}

Result<fs::path> move_running_file_aside(const fs::path& file) {
  const auto image = win32::running_image_path();
  const fs::path aside = aside_name(file, own_process_id());
  fs::path fresh = aside;
  fresh += L".copy";
  // What has these names is of a process that had our number before.
  DeleteFileW(fresh.c_str());
  if (auto copied = os::copy_file(file, fresh); !copied) return copied.error();
  if (fault("file.rename") ||
      !MoveFileExW(file.c_str(), aside.c_str(), MOVEFILE_REPLACE_EXISTING)) {
    const Error why = cannot("move aside", file, "MoveFileExW");
    DeleteFileW(fresh.c_str());
    return why;
  }
  if (!MoveFileExW(fresh.c_str(), file.c_str(), 0)) {
    const Error why = cannot("put a copy back as", file, "MoveFileExW");
    MoveFileExW(aside.c_str(), file.c_str(), 0);
    DeleteFileW(fresh.c_str());
    return why;
  }
  std::error_code ignored;
  if (image && same_path(*image, fs::absolute(file, ignored))) {
    win32::remember_image_path(fs::absolute(aside, ignored));
  }
  return aside;
}

void remove_if_possible(const fs::path& file_or_folder) {
  const DWORD attributes = GetFileAttributesW(file_or_folder.c_str());
  if (attributes == INVALID_FILE_ATTRIBUTES) return;
  // Of a link only itself, never what it leads to.
  if (is_folder(attributes) && !is_link(attributes)) {
    std::error_code failed;
    std::vector<fs::path> entries;
    for (fs::directory_iterator at{file_or_folder, failed}, end;
         !failed && at != end; at.increment(failed)) {
      entries.push_back(at->path());
    }
    for (const fs::path& entry : entries) remove_if_possible(entry);
  }
  if ((attributes & FILE_ATTRIBUTE_READONLY) != 0) {
    SetFileAttributesW(file_or_folder.c_str(),
                       attributes & ~DWORD{FILE_ATTRIBUTE_READONLY});
  }
  if (is_folder(attributes)) {
    RemoveDirectoryW(file_or_folder.c_str());
  } else {
    DeleteFileW(file_or_folder.c_str());
  }
}

}  // namespace relaunch::os
