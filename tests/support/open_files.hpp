// Files and pipes as an application has them open.
#pragma once

#include <filesystem>
#include <string_view>

#include "common/os/handle.hpp"

namespace relaunch::test {

/// Makes it if it is not there. An empty handle if it cannot be had.
os::Handle open_for_appending(const std::filesystem::path& file);
os::Handle open_for_reading(const std::filesystem::path& file);

struct OneWayPipe {
  os::Handle reads;
  os::Handle writes;
};
OneWayPipe make_one_way_pipe();

os::Handle open_folder(const std::filesystem::path& folder);
/// What a program has that takes a socket for a file.
native_handle as_handle(native_socket socket);

/// All of them, in one call.
bool write_bytes(native_handle file, std::string_view bytes);

/// Through this handle, or by what it can be made to allow.
bool can_write_to_memory(native_handle memory);

}  // namespace relaunch::test
