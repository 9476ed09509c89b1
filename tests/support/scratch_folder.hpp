// A folder for one test, removed with all that is in it.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace relaunch::test {

class ScratchFolder {
 public:
  /// In the system's folder for temporary files; only this user can look in.
  ScratchFolder();
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::filesystem::path& name) const {
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

/// Throw on any error.
void write_file(const std::filesystem::path& file, std::string_view bytes);
std::string file_content(const std::filesystem::path& file);

}  // namespace relaunch::test
