// An open file or pipe that goes from one generation to the next.
#pragma once

#include <string>
#include <utility>

#include "relaunch/export.hpp"
#include "relaunch/native.hpp"

namespace relaunch {

enum class FileKind { file, pipe };
enum class FileAccess { read, write, read_write };

/// What Upgrader::inherited_file gives. Owns the handle; moves leave it empty.
/// Not thread-safe.
///
/// It is the same open file as the incumbent's, not a second one: both have one
/// position, and POSIX status flags (O_NONBLOCK, O_APPEND) belong to both.
class RELAUNCH_EXPORT File {
 public:
  /// Without a handle.
  File() noexcept = default;
  /// Takes the handle over.
  File(native_handle handle, FileKind kind, FileAccess access) noexcept
      : handle_(handle), kind_(kind), access_(access) {}
  /// None, and why.
  explicit File(std::string why_not) : why_not_(std::move(why_not)) {}
  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  ~File();  ///< closes the handle

  explicit operator bool() const noexcept { return handle_ != kNoHandle; }
  /// kNoHandle if it has none. Not inheritable.
  native_handle handle() const noexcept { return handle_; }
  /// The caller closes it from here on.
  native_handle release() noexcept { return std::exchange(handle_, kNoHandle); }

  FileKind kind() const noexcept { return kind_; }
  /// What the handle allows, as the system says.
  FileAccess access() const noexcept { return access_; }
  /// Why there is none; empty if there is one.
  const std::string& why_not() const noexcept { return why_not_; }

 private:
  native_handle handle_ = kNoHandle;
  FileKind kind_ = FileKind::file;
  FileAccess access_ = FileAccess::read;
  std::string why_not_;
};

}  // namespace relaunch
