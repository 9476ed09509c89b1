#include "common/os/open_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include "common/base/text.hpp"
#include "posix/posix.hpp"

namespace relaunch::os {

Result<FileFacts> describe_file(native_handle file) {
  const auto refused = [](std::string_view why) {
    return Error{errc::invalid_argument, text::cat("cannot use a file: ", why)};
  };
  struct stat facts = {};
  const int flags = ::fcntl(file, F_GETFL);
  if (flags < 0 || ::fstat(file, &facts) != 0) return refused("it is not open");
  FileFacts result;
  if (S_ISFIFO(facts.st_mode)) {
    result.kind = FileKind::pipe;
  } else if (!S_ISREG(facts.st_mode)) {
    return refused("it is neither a file nor a pipe");
  }
  // Opened only to be named.
  if ((flags & O_PATH) != 0) return refused("it cannot be read or written");
  const int access = flags & O_ACCMODE;
  result.access = access == O_RDONLY   ? FileAccess::read
                  : access == O_WRONLY ? FileAccess::write
                                       : FileAccess::read_write;
  return result;
}

Result<FileFacts> describe_arrived_file(native_handle file, FileKind) {
  return describe_file(file);
}

Result<Handle> duplicate_handle(native_handle file) {
  Handle handle{::fcntl(file, F_DUPFD_CLOEXEC, 3)};
  if (!handle) {
    return Error{last_error(), "cannot duplicate a handle: F_DUPFD_CLOEXEC"};
  }
  return handle;
}

}  // namespace relaunch::os
