#include "common/os/shared_memory.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "common/base/text.hpp"
#include "common/os/fault.hpp"
#include "posix/posix.hpp"

namespace relaunch::os {
namespace {

using text::cat;

constexpr int kSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

// A write beyond it would end the process by SIGXFSZ.
// https://man7.org/linux/man-pages/man2/getrlimit.2.html
bool exceeds_file_limit(std::uint64_t size) {
  rlimit limit = {};
  return ::getrlimit(RLIMIT_FSIZE, &limit) == 0 && size > limit.rlim_cur;
}

Error failed(const char* what, const char* call) {
  return Error{last_error(), cat("cannot ", what, " shared memory: ", call)};
}

}  // namespace

Result<SharedMemory> SharedMemory::create(std::uint64_t limit) {
  SharedMemory memory;
  if (!fault("memory.make")) {
    memory.handle_.reset(
        ::memfd_create("relaunch-state", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  }
  if (!memory.handle_) return failed("make", "memfd_create");
  memory.limit_ = limit;
  return memory;
}

SharedMemory& SharedMemory::operator=(SharedMemory&& other) noexcept {
  handle_ = std::move(other.handle_);
  limit_ = std::exchange(other.limit_, 0);
  size_ = std::exchange(other.size_, 0);
  return *this;
}

// By write() and not through a view: no page is cleared before it is filled,
// and with no view of it, it can be sealed.
// https://man7.org/linux/man-pages/man2/F_ADD_SEALS.2const.html
Result<void> SharedMemory::append(const void* bytes, std::size_t size) {
  if (size > limit_ - size_) {
    return Error{
        errc::invalid_argument,
        cat("cannot fill shared memory: the limit is ", limit_, " bytes")};
  }
  if (exceeds_file_limit(size_ + size)) {
    return Error{std::make_error_code(std::errc::file_too_large),
                 "cannot fill shared memory: RLIMIT_FSIZE"};
  }
  const char* at = static_cast<const char*>(bytes);
  while (size > 0) {
    ssize_t written = -1;
    if (!fault("memory.fill")) {
      written = uninterrupted([&] { return ::write(handle_.get(), at, size); });
    }
    if (written < 0) return failed("fill", "write");
    at += written;
    size -= static_cast<std::size_t>(written);
    size_ += static_cast<std::uint64_t>(written);
  }
  return {};
}

Result<Handle> SharedMemory::seal() {
  if (::fcntl(handle_.get(), F_ADD_SEALS, kSeals) != 0) {
    return failed("seal", "F_ADD_SEALS");
  }
  return std::move(handle_);
}

void SharedMemory::unmap() {}

Result<MappedMemory> MappedMemory::map(native_handle sealed,
                                       std::uint64_t size) {
  const auto refused = [](std::string_view why) {
    return Error{errc::handover_refused, cat("cannot map a state: ", why)};
  };
  const int seals = ::fcntl(sealed, F_GET_SEALS);
  if (seals < 0) return refused("what came is no memory");
  if ((seals & kSeals) != kSeals) return refused("it can still be changed");
  struct stat facts = {};
  if (::fstat(sealed, &facts) != 0) return failed("look at", "fstat");
  if (static_cast<std::uint64_t>(facts.st_size) != size) {
    return refused(cat("it has ", facts.st_size, " bytes, not ", size));
  }
  MappedMemory mapped;
  if (size == 0) return mapped;
  void* data = MAP_FAILED;
  if (!fault("memory.map")) {
    // Not MAP_SHARED: before Linux 6.7 that counts as a mapping which could be
    // written through, and is refused. Nothing is copied as it is only read.
    // https://man7.org/linux/man-pages/man2/F_ADD_SEALS.2const.html
    // MAP_POPULATE: all of it is about to be read, and so is mapped at once.
    data =
        ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, sealed, 0);
  }
  if (data == MAP_FAILED) return failed("map", "mmap");
  mapped.data_ = data;
  mapped.size_ = size;
  return mapped;
}

MappedMemory& MappedMemory::operator=(MappedMemory&& other) noexcept {
  unmap();
  data_ = std::exchange(other.data_, nullptr);
  size_ = std::exchange(other.size_, 0);
  return *this;
}

void MappedMemory::unmap() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

}  // namespace relaunch::os
