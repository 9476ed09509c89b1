#include "support/open_files.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace relaunch::test {

os::Handle open_for_appending(const std::filesystem::path& file) {
  return os::Handle{
      ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)};
}

os::Handle open_for_reading(const std::filesystem::path& file) {
  return os::Handle{::open(file.c_str(), O_RDONLY | O_CLOEXEC)};
}

OneWayPipe make_one_way_pipe() {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) return {};
  return {os::Handle{ends[0]}, os::Handle{ends[1]}};
}

os::Handle open_folder(const std::filesystem::path& folder) {
  return os::Handle{::open(folder.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECTORY)};
}

native_handle as_handle(native_socket socket) { return socket; }

bool write_bytes(native_handle file, std::string_view bytes) {
  return ::write(file, bytes.data(), bytes.size()) ==
         static_cast<ssize_t>(bytes.size());
}

bool can_write_to_memory(native_handle memory) {
  if (::pwrite(memory, "x", 1, 0) == 1) return true;
  if (::ftruncate(memory, 0) == 0) return true;
  void* view =
      ::mmap(nullptr, 1, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
  return view != MAP_FAILED;
}

}  // namespace relaunch::test
