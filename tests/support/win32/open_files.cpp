#include "support/open_files.hpp"

#include "win32/win32.hpp"

namespace relaunch::test {

namespace {

constexpr DWORD kShared =
    FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;

}  // namespace

os::Handle open_for_appending(const std::filesystem::path& file) {
  return os::Handle{CreateFileW(file.c_str(), FILE_APPEND_DATA | SYNCHRONIZE,
                                kShared, nullptr, OPEN_ALWAYS,
                                FILE_ATTRIBUTE_NORMAL, nullptr)};
}

os::Handle open_for_reading(const std::filesystem::path& file) {
  return os::Handle{CreateFileW(file.c_str(), GENERIC_READ, kShared, nullptr,
                                OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr)};
}

OneWayPipe make_one_way_pipe() {
  HANDLE reads = nullptr;
  HANDLE writes = nullptr;
  if (!CreatePipe(&reads, &writes, nullptr, 0)) return {};
  return {os::Handle{reads}, os::Handle{writes}};
}

os::Handle open_folder(const std::filesystem::path& folder) {
  return os::Handle{CreateFileW(folder.c_str(), GENERIC_READ, kShared, nullptr,
                                OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS,
                                nullptr)};
}

native_handle as_handle(native_socket socket) {
  return reinterpret_cast<native_handle>(socket);
}

bool write_bytes(native_handle file, std::string_view bytes) {
  DWORD written = 0;
  return WriteFile(file, bytes.data(), static_cast<DWORD>(bytes.size()),
                   &written, nullptr) &&
         written == bytes.size();
}

bool can_write_to_memory(native_handle memory) {
  HANDLE more = nullptr;
  if (DuplicateHandle(GetCurrentProcess(), memory, GetCurrentProcess(), &more,
                      FILE_MAP_WRITE, FALSE, 0)) {
    const os::Handle owner{more};
    return true;
  }
  void* const view = MapViewOfFile(memory, FILE_MAP_WRITE, 0, 0, 1);
  if (view != nullptr) UnmapViewOfFile(view);
  return view != nullptr;
}

}  // namespace relaunch::test
