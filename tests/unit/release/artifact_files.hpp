// Making artifacts for tests.
#pragma once

#include <filesystem>
#include <string_view>

#include "support/scratch_folder.hpp"

namespace relaunch::test {

/// With the folders on its way.
inline void make_file(const std::filesystem::path& file,
                      std::string_view bytes) {
  std::filesystem::create_directories(file.parent_path());
  write_file(file, bytes);
}

inline void make_program(const std::filesystem::path& file,
                         std::string_view bytes) {
  make_file(file, bytes);
  std::filesystem::permissions(file, std::filesystem::perms::owner_exec,
                               std::filesystem::perm_options::add);
}

/// False: Wine and some Windows accounts cannot make symbolic links.
inline bool make_link(const std::filesystem::path& target,
                      const std::filesystem::path& link) {
  std::error_code failure;
  std::filesystem::create_symlink(target, link, failure);
  return !failure;
}

}  // namespace relaunch::test
