// The path of a unix socket: who works on it, who serves it, and whose file
// stands there.
#pragma once

#include <sys/un.h>

#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.hpp"
#include "common/os/handle.hpp"

namespace relaunch::os {

/// Errors: it is too long for one.
Result<sockaddr_un> unix_address(const std::string& path);

/// Opens and locks a file, which is made if it is missing; never through a link
/// at its place. Nothing: somebody else has it locked.
Result<std::optional<Handle>> lock_file(const std::string& path);

/// The file "PATH.lock", locked while this lives; then it is removed, if it was
/// made here.
class PathLock {
 public:
  /// Nothing: somebody else has it.
  static Result<std::optional<PathLock>> take(const std::string& path);
  PathLock(PathLock&&) noexcept = default;
  PathLock& operator=(PathLock&&) noexcept = delete;
  ~PathLock();

 private:
  PathLock(std::string path, Handle lock, bool made)
      : path_(std::move(path)), lock_(std::move(lock)), made_(made) {}

  std::string path_;
  Handle lock_;
  bool made_;
};

/// Which file stands there, the path itself and not what a link points to:
/// "DEVICE.INODE". Empty: none.
std::string file_at(const std::string& path);

/// Removes it, if it is still this one. False: it is there nevertheless.
bool remove_file_at(const std::string& path, std::string_view file);

enum class Whose { this_users, anybodys };

/// Removes a socket that nobody serves any more. False: somebody serves it.
/// Errors: what stands there is no socket, or another user's, or cannot be
/// asked; it stays.
Result<bool> remove_stale(const std::string& path, int type, Whose whose);

}  // namespace relaunch::os
