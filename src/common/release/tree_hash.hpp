// The identity of a build: one hash over path, mode and bytes of its files.
// Identity, not protection.
#pragma once

#include <atomic>
#include <filesystem>
#include <string>
#include <string_view>

#include "common/base/result.hpp"
#include "common/os/handle.hpp"

namespace relaunch::release {

/// XXH3 (128 bit) over the tree, 32 lower-case hex digits. A file is a tree of
/// one entry with its own name. Entries in byte order of their '/'-separated
/// UTF-8 paths; symbolic links by their target; anything else is an error.
/// errc::stopped when `cancelled` becomes true.
Result<std::string> hash_tree(const std::filesystem::path& root,
                              const std::atomic<bool>& cancelled);

/// The same for one file that is open, as if it were called `name`: equal to
/// hash_tree of that file.
Result<std::string> hash_open_file(native_handle file, std::string_view name,
                                   bool executable);

}  // namespace relaunch::release
