#include "support/scratch_folder.hpp"

#include <atomic>
#include <fstream>
#include <iterator>
#include <random>
#include <stdexcept>

#include "common/base/text.hpp"
#include "common/os/files.hpp"
#include "common/os/system.hpp"

namespace relaunch::test {

namespace fs = std::filesystem;

ScratchFolder::ScratchFolder() {
  static std::atomic<unsigned> count{0};
  const auto base = fs::canonical(fs::temp_directory_path());
  // A number that a process had before us may have left a folder behind.
  std::random_device random;
  do {
    path_ = base / text::cat("relaunch-test-", os::own_process_id(), "-",
                             ++count, "-", random());
  } while (!fs::create_directory(path_));
  fs::permissions(path_, fs::perms::owner_all);
}

ScratchFolder::~ScratchFolder() { os::remove_if_possible(path_); }

void write_file(const fs::path& file, std::string_view bytes) {
  std::ofstream stream{file, std::ios::binary | std::ios::trunc};
  stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  stream.close();
  if (!stream) {
    throw std::runtime_error(text::cat("cannot write ", file));
  }
}

std::string file_content(const fs::path& file) {
  std::ifstream stream{file, std::ios::binary};
  if (!stream) throw std::runtime_error(text::cat("cannot read ", file));
  return {std::istreambuf_iterator<char>{stream}, {}};
}

}  // namespace relaunch::test
