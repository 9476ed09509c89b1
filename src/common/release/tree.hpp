// What an artifact consists of.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "common/base/result.hpp"

namespace relaunch::release {

struct TreeEntry {
  enum class Kind { folder, file, program, link };  ///< program: executable
  Kind kind = Kind::file;
  std::string name;                ///< from the root, UTF-8, '/' between parts
  std::filesystem::path path;      ///< where it is
  std::filesystem::path leads_to;  ///< of a link, as it is written
};

/// Every entry below a folder, in byte order of their names, so folders come
/// before what is in them; a file is one entry with its own name. A symbolic
/// link in place of the root is followed, the others are not. What
/// move_running_file_aside left is no part of it. Errors: as of the file
/// system; a socket, a device, a pipe: errc::invalid_argument.
Result<std::vector<TreeEntry>> list_tree(const std::filesystem::path& root);

}  // namespace relaunch::release
