// Memory that one process fills and others then only read.
//
// POSIX: a memfd, written by write(), then sealed. Windows: a file mapping of
// the paging file, of which the reader gets a handle that can only read.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/base/result.hpp"
#include "common/os/handle.hpp"

namespace relaunch::os {

/// Filled from its begin to its end. Not thread-safe; moves leave it empty.
class SharedMemory {
 public:
  /// Takes room only for what is written. Windows: `limit` bytes of addresses
  /// are reserved meanwhile, so it may be refused where a process has not got
  /// so many.
  static Result<SharedMemory> create(std::uint64_t limit);

  SharedMemory() = default;
  SharedMemory(SharedMemory&& other) noexcept { *this = std::move(other); }
  SharedMemory& operator=(SharedMemory&& other) noexcept;
  ~SharedMemory() { unmap(); }

  /// Errors: the system has no room; more than the limit
  /// (errc::invalid_argument). What is in it then may be cut.
  Result<void> append(const void* bytes, std::size_t size);
  std::uint64_t size() const { return size_; }

  /// Nobody can change it any more, this process included: for others to map.
  Result<Handle> seal();

 private:
  void unmap();

  Handle handle_;
  std::uint64_t limit_ = 0;
  std::uint64_t size_ = 0;
  void* view_ = nullptr;         ///< Windows: where it is written
  std::uint64_t committed_ = 0;  ///< Windows: so much of it is there
};

/// A sealed one, for reading. Moves leave it empty.
class MappedMemory {
 public:
  /// Keeps nothing of the handle. errc::handover_refused: somebody can still
  /// change it (POSIX: it is no sealed memfd; Windows: it is no mapping), or it
  /// has not got so many bytes.
  static Result<MappedMemory> map(native_handle sealed, std::uint64_t size);

  MappedMemory() = default;
  MappedMemory(MappedMemory&& other) noexcept { *this = std::move(other); }
  MappedMemory& operator=(MappedMemory&& other) noexcept;
  ~MappedMemory() { unmap(); }

  /// Null if it is empty.
  const std::byte* data() const { return static_cast<const std::byte*>(data_); }
  std::size_t size() const { return size_; }

 private:
  void unmap();

  void* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace relaunch::os
