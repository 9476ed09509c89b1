#include "common/os/files.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>

#include "common/base/text.hpp"
#include "common/os/fault.hpp"
#include "common/os/temporary_name.hpp"
#include "posix/posix.hpp"

namespace relaunch::os {
namespace {

using text::cat;

constexpr std::size_t kPieceBytes = 65'536;
constexpr char kCapability[] = "security.capability";

Error failed(std::string_view verb, const fs::path& object, const char* call) {
  const std::error_code code = last_error();
  return Error{code, cat("cannot ", verb, " ", object, ": ", call)};
}

// Removes a file that was begun, unless it was finished.
class Unfinished {
 public:
  explicit Unfinished(fs::path file) : file_(std::move(file)) {}
  ~Unfinished() {
    const int kept = errno;
    if (!file_.empty()) ::unlink(file_.c_str());
    errno = kept;
  }
  Unfinished(const Unfinished&) = delete;
  Unfinished& operator=(const Unfinished&) = delete;
  void finish() { file_.clear(); }

 private:
  fs::path file_;
};

Handle open_file(const fs::path& file, int flags, mode_t mode = 0) {
  if (fault("file.open")) return {};
  return Handle{uninterrupted([&] {
    return ::open(file.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, mode);
  })};
}

bool write_all(int file, std::string_view bytes) {
  if (fault("file.write")) return false;
  while (!bytes.empty()) {
    const ssize_t size = uninterrupted(
        [&] { return ::write(file, bytes.data(), bytes.size()); });
    if (size < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(size));
  }
  return true;
}

Result<void> sync_folder(const fs::path& folder) {
  const Handle open{uninterrupted([&] {
    return ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  })};
  if (!open) return failed("sync", folder, "open");
  // Some file systems do not know how and answer EINVAL.
  if (::fsync(open.get()) != 0 && errno != EINVAL) {
    return failed("sync", folder, "fsync");
  }
  return {};
}

fs::path folder_of(const fs::path& file) {
  const fs::path parent = file.parent_path();
  return parent.empty() ? fs::path{"."} : parent;
}

enum class Purpose { state, show };

Result<void> replace(const fs::path& file, std::string_view bytes,
                     Purpose purpose) {
  const fs::path name = temporary_name(file);
  ::unlink(name.c_str());  // of a process that had our number before
  const Handle open = open_file(name, O_WRONLY | O_CREAT | O_EXCL, 0600);
  if (!open) return failed("write", file, "make a temporary file");
  Unfinished temporary{name};
  if (!write_all(open.get(), bytes)) return failed("write", file, "write");
  if (purpose == Purpose::show && ::fchmod(open.get(), 0644) != 0) {
    return failed("write", file, "fchmod");
  }
  if (purpose == Purpose::state &&
      (fault("file.sync") || ::fsync(open.get()) != 0)) {
    return failed("write", file, "fsync");
  }
  if (fault("file.rename") || ::rename(name.c_str(), file.c_str()) != 0) {
    return failed("write", file, "rename");
  }
  temporary.finish();
  return {};
}

bool is_unsupported(int error) {
  return error == EXDEV || error == EINVAL || error == ENOSYS ||
         error == EOPNOTSUPP || error == EBADF || error == EPERM;
}

bool copy_by_reading(int from, int to) {
  std::array<char, kPieceBytes> buffer;
  for (;;) {
    const ssize_t size = uninterrupted(
        [&] { return ::read(from, buffer.data(), buffer.size()); });
    if (size <= 0) return size == 0;
    if (!write_all(to, {buffer.data(), static_cast<std::size_t>(size)})) {
      return false;
    }
  }
}

// Shared blocks if the file system can, else copied inside the kernel, else
// through this process.
bool copy_bytes(int from, int to) {
  if (fault("file.copy")) return false;
  if (::ioctl(to, FICLONE, from) == 0) return true;
  constexpr std::size_t kMost = std::size_t{1} << 30;
  bool begun = false;
  for (;;) {
    const ssize_t size = uninterrupted([&] {
      return ::copy_file_range(from, nullptr, to, nullptr, kMost, 0);
    });
    if (size < 0) return is_unsupported(errno) && copy_by_reading(from, to);
    // Some kernels answer 0 for files whose size they do not know.
    if (size == 0) return begun || copy_by_reading(from, to);
    begun = true;
  }
}

// A program without its capabilities would start and then fail.
bool copy_capability(int from, int to) {
  std::array<char, 256> value;
  const ssize_t size =
      ::fgetxattr(from, kCapability, value.data(), value.size());
  if (size < 0) return errno == ENODATA || errno == EOPNOTSUPP;
  return ::fsetxattr(to, kCapability, value.data(),
                     static_cast<std::size_t>(size), 0) == 0;
}

std::string octal(mode_t mode) {
  char text[8];
  std::snprintf(text, sizeof text, "%04o", static_cast<unsigned>(mode));
  return text;
}

// A folder that was there already.
Result<void> check_private_folder(const fs::path& folder) {
  const auto refused = [&](int error, const std::string& why) {
    return Error{{error, std::system_category()},
                 cat("cannot use ", folder, " as a private folder: ", why)};
  };
  const Handle open = open_file(folder, O_RDONLY | O_DIRECTORY);
  if (!open && (errno == ELOOP || errno == ENOTDIR)) {
    std::error_code ignored;
    if (fs::is_symlink(folder, ignored)) {
      return refused(EPERM, "it is a symbolic link");
    }
    return refused(ENOTDIR, "it is none");
  }
  if (!open) return failed("use", folder, "open");
  struct stat facts;
  if (::fstat(open.get(), &facts) != 0) return failed("use", folder, "fstat");
  if (facts.st_uid != ::geteuid()) {
    return refused(EPERM, cat("it belongs to user ", facts.st_uid));
  }
  if ((facts.st_mode & 077) != 0) {
    return refused(EACCES, cat("its mode ", octal(facts.st_mode & 07777),
                               " lets others in; run chmod 700 ", folder));
  }
  return {};
}

/// As the XDG base directory specification has it for what is missing: for
/// nobody else. One of them may be used as a private folder later.
Result<void> make_parents(const fs::path& folder) {
  std::vector<fs::path> missing;
  std::error_code failure;
  for (fs::path each = folder_of(folder); !fs::exists(each, failure);
       each = folder_of(each)) {
    if (failure) return Error{failure, cat("cannot make folder ", each)};
    missing.push_back(each);
  }
  for (auto each = missing.rbegin(); each != missing.rend(); ++each) {
    if (::mkdir(each->c_str(), 0700) != 0 && errno != EEXIST) {
      return failed("make folder", *each, "mkdir");
    }
  }
  return {};
}

}  // namespace

Result<void> make_private_folder(const fs::path& given) {
  // With a separator at its end a symbolic link would be followed.
  const fs::path folder = given.has_filename() ? given : given.parent_path();
  if (auto made = make_parents(folder); !made) return made;
  if (fault("folder.make")) return failed("make folder", folder, "mkdir");
  if (::mkdir(folder.c_str(), 0700) == 0) return {};
  if (errno != EEXIST) return failed("make folder", folder, "mkdir");
  return check_private_folder(folder);
}

Result<std::string> read_file(const fs::path& file, std::size_t limit) {
  // Non-blocking, so that a pipe of this name cannot hold us up.
  const Handle open = open_file(file, O_RDONLY | O_NONBLOCK);
  if (!open) return failed("read", file, "open");
  struct stat facts;
  if (::fstat(open.get(), &facts) != 0) return failed("read", file, "fstat");
  if (!S_ISREG(facts.st_mode)) {
    return Error{errc::invalid_argument,
                 cat("cannot read ", file, ": it is no regular file")};
  }
  std::string all;
  for (;;) {
    auto piece = read_some(open.get(), kPieceBytes);
    if (!piece)
      return Error{piece.error().code(), cat("cannot read ", file, ": read")};
    if (piece->empty()) return all;
    all += *piece;
    if (all.size() > limit) {
      return Error{
          errc::invalid_argument,
          cat("cannot read ", file, ": it has more than ", limit, " bytes")};
    }
  }
}

Result<void> write_durably(const fs::path& file, std::string_view bytes) {
  if (auto written = replace(file, bytes, Purpose::state); !written) {
    return written;
  }
  return sync_folder(folder_of(file));
}

Result<void> publish_file(const fs::path& file, std::string_view bytes) {
  return replace(file, bytes, Purpose::show);
}

Result<void> write_in_place(const fs::path& file, std::size_t offset,
                            std::string_view bytes) {
  const Handle open = open_file(file, O_RDWR | O_CREAT, 0600);
  if (!open) return failed("write", file, "open");
  struct stat before;
  if (::fstat(open.get(), &before) != 0) return failed("write", file, "fstat");
  while (!bytes.empty()) {
    const ssize_t size = fault("file.write") ? -1 : uninterrupted([&] {
      return ::pwrite(open.get(), bytes.data(), bytes.size(),
                      static_cast<off_t>(offset));
    });
    if (size < 0) return failed("write", file, "pwrite");
    bytes.remove_prefix(static_cast<std::size_t>(size));
    offset += static_cast<std::size_t>(size);
  }
  if (fault("file.sync") || ::fdatasync(open.get()) != 0) {
    return failed("write", file, "fdatasync");
  }
  // It may be new: then its name must reach the disk too.
  return before.st_size == 0 ? sync_folder(folder_of(file)) : Result<void>{};
}

Result<void> copy_file(const fs::path& from, const fs::path& to) {
  const Handle source = open_file(from, O_RDONLY | O_NONBLOCK);
  if (!source) return failed("copy", from, "open");
  struct stat facts;
  if (::fstat(source.get(), &facts) != 0) return failed("copy", from, "fstat");
  if (!S_ISREG(facts.st_mode)) {
    return Error{errc::invalid_argument,
                 cat("cannot copy ", from, ": it is no regular file")};
  }
  const Handle copy = open_file(to, O_WRONLY | O_CREAT | O_EXCL, 0600);
  if (!copy) return failed("copy to", to, "open");
  Unfinished unfinished{to};
  if (!copy_bytes(source.get(), copy.get())) {
    return failed("copy to", to, "write");
  }
  if (::fchmod(copy.get(), facts.st_mode & 0777) != 0) {
    return failed("copy to", to, "fchmod");
  }
  if (!copy_capability(source.get(), copy.get())) {
    return failed("copy to", to, "give it the file capabilities");
  }
  // A build tool compares times: a copy that seemed newer than its sources
  // would make the next build do nothing.
  const timespec times[2] = {facts.st_atim, facts.st_mtim};
  if (::futimens(copy.get(), times) != 0) {
    return failed("copy to", to, "futimens");
  }
  unfinished.finish();
  return {};
}

Result<void> sync_file(const fs::path& file) {
  const Handle open = open_file(file, O_RDONLY | O_NONBLOCK);
  if (!open) return failed("sync", file, "open");
  if (fault("file.sync") || ::fsync(open.get()) != 0) {
    return failed("sync", file, "fsync");
  }
  return {};
}

bool is_executable(const fs::path& file) {
  struct stat facts;
  return ::stat(file.c_str(), &facts) == 0 && S_ISREG(facts.st_mode) &&
         (facts.st_mode & S_IXUSR) != 0;
}

Result<std::string> read_some(native_handle file, std::size_t limit) {
  std::string bytes(limit, '\0');
  const ssize_t size =
      uninterrupted([&] { return ::read(file, bytes.data(), bytes.size()); });
  if (size < 0) return Error{last_error(), "cannot read a file: read"};
  bytes.resize(static_cast<std::size_t>(size));
  return bytes;
}

Result<void> rewind_file(native_handle file) {
  if (::lseek(file, 0, SEEK_SET) != 0) {
    return Error{last_error(), "cannot rewind a file: lseek"};
  }
  return {};
}

bool is_same_file(const fs::path& path, native_handle file) {
  struct stat named;
  struct stat open;
  return ::stat(path.c_str(), &named) == 0 && ::fstat(file, &open) == 0 &&
         named.st_dev == open.st_dev && named.st_ino == open.st_ino;
}

fs::path aside_name(const fs::path& file, ProcessId pid) {
  fs::path aside = file;
  aside += cat(".relaunch-", pid);
  return aside;
}

Result<fs::path> move_running_file_aside(const fs::path& file) {
  const fs::path aside = aside_name(file, own_process_id());
  fs::path fresh = aside;
  fresh += ".copy";
  ::unlink(fresh.c_str());  // of a process that had our number before
  const auto copied = os::copy_file(file, fresh);
  if (!copied) return copied.error();
  Unfinished unfinished{fresh};
  if (fault("file.rename") || ::rename(file.c_str(), aside.c_str()) != 0) {
    return failed("move aside", file, "rename");
  }
  if (::rename(fresh.c_str(), file.c_str()) != 0) {
    const Error why = failed("put a copy back as", file, "rename");
    ::rename(aside.c_str(), file.c_str());
    return why;
  }
  unfinished.finish();
  return aside;
}

void remove_if_possible(const fs::path& path) {
  std::error_code ignored;
  fs::remove_all(path, ignored);
  if (!ignored) return;
  // A release's folders are read-only, and what is in one cannot be removed.
  const auto make_writable = [](const fs::path& folder) {
    std::error_code failure;
    fs::permissions(folder, fs::perms::owner_all, fs::perm_options::add,
                    failure);
  };
  if (!fs::is_directory(fs::symlink_status(path, ignored))) return;
  make_writable(path);
  auto entry = fs::recursive_directory_iterator(path, ignored);
  while (!ignored && entry != fs::end(entry)) {
    if (entry->is_directory(ignored) && !entry->is_symlink(ignored)) {
      make_writable(entry->path());
    }
    entry.increment(ignored);
  }
  fs::remove_all(path, ignored);
}

}  // namespace relaunch::os
