#include "common/os/shared_memory.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/base/text.hpp"
#include "common/os/fault.hpp"
#include "win32/win32.hpp"

namespace relaunch::os {
namespace {

using text::cat;
using win32::failure;

/// Room is asked of the system in such pieces.
constexpr std::uint64_t kPiece = 4 * 1024 * 1024;

DWORD high(std::uint64_t size) { return static_cast<DWORD>(size >> 32); }
DWORD low(std::uint64_t size) { return static_cast<DWORD>(size & 0xFFFFFFFF); }

/// Who has a handle that only reads could make one of it that writes, unless
/// the access list lets nobody.
struct AccessForNobody {
  AccessForNobody() {
    InitializeAcl(&list, sizeof list, ACL_REVISION);
    InitializeSecurityDescriptor(&descriptor, SECURITY_DESCRIPTOR_REVISION);
    SetSecurityDescriptorDacl(&descriptor, TRUE, &list, FALSE);
  }
  ACL list{};
  SECURITY_DESCRIPTOR descriptor{};
  SECURITY_ATTRIBUTES attributes{sizeof attributes, &descriptor, FALSE};
};

}  // namespace

// Reserved as a whole, so that it need not be copied when it grows; it costs
// the paging file nothing before it is committed.
// https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-createfilemappingw
Result<SharedMemory> SharedMemory::create(std::uint64_t limit) {
  SharedMemory memory;
  // A piece of it is never committed: Wine 8 takes a section that is committed
  // as a whole for one that is only reserved, when it is mapped again.
  const std::uint64_t room = (limit / kPiece + 2) * kPiece;
  AccessForNobody nobody;
  if (!fault("memory.make")) {
    memory.handle_ = win32::own(CreateFileMappingW(
        INVALID_HANDLE_VALUE, &nobody.attributes, PAGE_READWRITE | SEC_RESERVE,
        high(room), low(room), nullptr));
  }
  if (!memory.handle_) {
    return failure("cannot make shared memory: CreateFileMappingW");
  }
  memory.view_ = MapViewOfFile(memory.handle_.get(), FILE_MAP_WRITE, 0, 0, 0);
  if (memory.view_ == nullptr) {
    return failure("cannot make shared memory: MapViewOfFile");
  }
  memory.limit_ = limit;
  return memory;
}

SharedMemory& SharedMemory::operator=(SharedMemory&& other) noexcept {
  unmap();
  handle_ = std::move(other.handle_);
  limit_ = std::exchange(other.limit_, 0);
  size_ = std::exchange(other.size_, 0);
  view_ = std::exchange(other.view_, nullptr);
  committed_ = std::exchange(other.committed_, 0);
  return *this;
}

Result<void> SharedMemory::append(const void* bytes, std::size_t size) {
  if (size > limit_ - size_) {
    return Error{
        errc::invalid_argument,
        cat("cannot fill shared memory: the limit is ", limit_, " bytes")};
  }
  char* const begin = static_cast<char*>(view_);
  while (committed_ < size_ + size) {
    if (fault("memory.fill") ||
        VirtualAlloc(begin + committed_, kPiece, MEM_COMMIT, PAGE_READWRITE) ==
            nullptr) {
      return failure("cannot fill shared memory: VirtualAlloc");
    }
    committed_ += kPiece;
  }
  if (size > 0) std::memcpy(begin + size_, bytes, size);
  size_ += size;
  return {};
}

// The one handle that could be written through is closed here.
Result<Handle> SharedMemory::seal() {
  unmap();
  HANDLE readable = nullptr;
  if (!DuplicateHandle(GetCurrentProcess(), handle_.get(), GetCurrentProcess(),
                       &readable, FILE_MAP_READ, FALSE, 0)) {
    return failure("cannot seal shared memory: DuplicateHandle");
  }
  handle_.reset();
  return Handle{readable};
}

void SharedMemory::unmap() {
  if (view_ != nullptr) UnmapViewOfFile(std::exchange(view_, nullptr));
}

// Only as many bytes as are announced are mapped, and all of them must be
// there: to touch what was not committed would end this process.
Result<MappedMemory> MappedMemory::map(native_handle sealed,
                                       std::uint64_t size) {
  const auto refused = [](std::string_view why) {
    return Error{make_error_code(errc::handover_refused),
                 cat("cannot map a state: ", why)};
  };
  MappedMemory mapped;
  void* const data =
      fault("memory.map")
          ? nullptr
          : MapViewOfFile(
                sealed, FILE_MAP_READ, 0, 0,
                static_cast<SIZE_T>(std::max<std::uint64_t>(size, 1)));
  if (data == nullptr) {
    return refused(failure("what came cannot be mapped: MapViewOfFile").text());
  }
  mapped.data_ = data;
  if (size == 0) return MappedMemory{};
  MEMORY_BASIC_INFORMATION facts{};
  const bool all = VirtualQuery(data, &facts, sizeof facts) != 0 &&
                   facts.State == MEM_COMMIT && facts.RegionSize >= size;
  if (!all) return refused(cat("it has less than ", size, " bytes"));
  mapped.size_ = static_cast<std::size_t>(size);
  return mapped;
}

MappedMemory& MappedMemory::operator=(MappedMemory&& other) noexcept {
  unmap();
  data_ = std::exchange(other.data_, nullptr);
  size_ = std::exchange(other.size_, 0);
  return *this;
}

void MappedMemory::unmap() {
  if (data_ != nullptr) UnmapViewOfFile(data_);
}

}  // namespace relaunch::os
