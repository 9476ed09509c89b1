#include "posix/unix_path.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "common/base/text.hpp"
#include "posix/posix.hpp"

namespace relaunch::os {
namespace {

using text::cat;

/// Each time somebody else has removed the file that was locked.
constexpr int kMaxAttempts = 10;

Error failure(std::string_view what, const std::string& path,
              std::string_view call) {
  const std::error_code code = last_error();
  return Error{code,
               cat("cannot ", what, " '", text::printable(path), "': ", call)};
}

std::string id_of(const struct stat& facts) {
  return cat(facts.st_dev, '.', facts.st_ino);
}

/// Is this what stands there, and not one that was removed meanwhile?
bool stands_at(int file, const std::string& path) {
  struct stat facts {};
  return fstat(file, &facts) == 0 && id_of(facts) == file_at(path);
}

constexpr int kLockFlags = O_RDWR | O_NOFOLLOW | O_CLOEXEC;

Handle open_lock(const std::string& path, int more_flags) {
  return Handle{uninterrupted([&] {
    return ::open(path.c_str(), kLockFlags | more_flags, S_IRUSR | S_IWUSR);
  })};
}

/// False: somebody else has it.
Result<bool> try_to_lock(const Handle& file, const std::string& path) {
  if (uninterrupted([&] { return flock(file.get(), LOCK_EX | LOCK_NB); }) ==
      0) {
    return true;
  }
  if (errno != EWOULDBLOCK) return failure("lock", path, "flock");
  return false;
}

/// The error of an attempt to connect; 0: somebody serves it.
Result<int> ask(const std::string& path, int type) {
  const auto address = unix_address(path);
  if (!address) return address.error();
  const Handle probe{::socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!probe) return Error{last_error(), "cannot make a unix socket: socket"};
  const int done = uninterrupted([&] {
    return connect(probe.get(), reinterpret_cast<const sockaddr*>(&*address),
                   sizeof *address);
  });
  return done == 0 ? 0 : errno;
}

}  // namespace

Result<sockaddr_un> unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return Error{errc::invalid_argument,
                 cat("cannot use '", text::printable(path),
                     "' as a socket's path: it has ", path.size(),
                     " bytes, the limit is ", sizeof address.sun_path - 1)};
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

Result<std::optional<Handle>> lock_file(const std::string& path) {
  Handle file = open_lock(path, O_CREAT);
  if (!file) return failure("open", path, "open");
  const auto locked = try_to_lock(file, path);
  if (!locked) return locked.error();
  if (!*locked) return std::optional<Handle>{};
  return std::optional{std::move(file)};
}

Result<std::optional<PathLock>> PathLock::take(const std::string& path) {
  const std::string file = path + ".lock";
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    Handle opened = open_lock(file, O_CREAT | O_EXCL);
    const bool made = static_cast<bool>(opened);
    const bool existed = !made && errno == EEXIST;
    if (existed) opened = open_lock(file, 0);
    if (!opened && existed && errno == ENOENT) continue;  // its owner is done
    if (!opened) return failure("open", file, "open");
    const auto locked = try_to_lock(opened, file);
    if (!locked) return locked.error();
    if (!*locked) break;
    if (!stands_at(opened.get(), file)) continue;
    return std::optional{PathLock{file, std::move(opened), made}};
  }
  return std::optional<PathLock>{};
}

PathLock::~PathLock() {
  if (lock_ && made_) ::unlink(path_.c_str());
}

std::string file_at(const std::string& path) {
  struct stat facts {};
  return lstat(path.c_str(), &facts) == 0 ? id_of(facts) : std::string{};
}

bool remove_file_at(const std::string& path, std::string_view file) {
  if (file.empty() || file_at(path) != file) return true;
  return ::unlink(path.c_str()) == 0;
}

// By whoever asks, with a lock: nobody of ours binds the path meanwhile.
Result<bool> remove_stale(const std::string& path, int type, Whose whose) {
  struct stat found {};
  if (lstat(path.c_str(), &found) != 0) {
    if (errno == ENOENT) return true;
    return failure("look at", path, "lstat");
  }
  const bool ours = whose == Whose::anybodys || found.st_uid == geteuid();
  if (!S_ISSOCK(found.st_mode) || !ours) {
    return Error{
        std::make_error_code(std::errc::file_exists),
        cat("cannot use '", text::printable(path), "': it is no socket",
            whose == Whose::anybodys ? "" : " of this user")};
  }
  const auto answer = ask(path, type);
  if (!answer) return answer.error();
  switch (*answer) {
    case 0:
    case EAGAIN:      // its queue is full
    case EPROTOTYPE:  // it is of another kind, and bound
      return false;
    case ENOENT:  // it is gone
      return true;
    case ECONNREFUSED:
      break;
    default:
      errno = *answer;
      return failure("connect to", path, "connect");
  }
  if (!remove_file_at(path, id_of(found))) {
    return failure("remove", path, "unlink");
  }
  return true;
}

}  // namespace relaunch::os
