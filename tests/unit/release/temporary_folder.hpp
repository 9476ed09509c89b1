// A folder of a test's own, gone with it.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "common/base/text.hpp"
#include "common/os/files.hpp"
#include "common/os/system.hpp"

namespace relaunch {

class TemporaryFolder {
 public:
  TemporaryFolder()
      : path_(
            std::filesystem::canonical(std::filesystem::temp_directory_path()) /
            text::path_from_utf8(text::cat(
                "relaunch-test-", os::own_process_id(), "-", ++counter_))) {
    os::remove_if_possible(path_);
    std::filesystem::create_directory(path_);
  }
  ~TemporaryFolder() {
    os::remove_if_possible(path_);
    EXPECT_FALSE(std::filesystem::exists(path_)) << path_;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  operator const std::filesystem::path&() const { return path_; }
  std::filesystem::path operator/(std::string_view name) const {
    return path_ / text::path_from_utf8(name);
  }

 private:
  static inline unsigned counter_ = 0;
  std::filesystem::path path_;
};

inline void write_file(const std::filesystem::path& file,
                       std::string_view bytes) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream out{file, std::ios::binary};
  out << bytes;
  ASSERT_TRUE(out.flush()) << file;
}

inline void write_program(const std::filesystem::path& file,
                          std::string_view bytes) {
  write_file(file, bytes);
  std::filesystem::permissions(file, std::filesystem::perms::owner_exec,
                               std::filesystem::perm_options::add);
}

inline std::string read_all(const std::filesystem::path& file) {
  std::ifstream in{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

/// Wine and some Windows accounts cannot make symbolic links.
inline bool make_link(const std::filesystem::path& target,
                      const std::filesystem::path& link) {
  std::error_code failure;
  std::filesystem::create_symlink(target, link, failure);
  return !failure;
}

}  // namespace relaunch
