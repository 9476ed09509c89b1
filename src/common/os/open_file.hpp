// A file or pipe that is open already: what it is, and another handle of it.
#pragma once

#include "common/base/result.hpp"
#include "common/os/handle.hpp"
#include "relaunch/file.hpp"

namespace relaunch::os {

struct FileFacts {
  FileKind kind = FileKind::file;
  FileAccess access = FileAccess::read;
  bool operator==(const FileFacts&) const = default;
};

/// errc::invalid_argument: it is neither a file nor a pipe, or the system does
/// not let it be read or written. POSIX: fstat, F_GETFL. Windows: GetFileType,
/// and the rights that were granted to the handle (NtQueryObject).
Result<FileFacts> describe_file(native_handle file);

/// The same of one that came from another process and was announced as this.
/// Windows: what it allows is asked of the system, and whether it is a socket;
/// the kind is believed, since GetFileType waits for a read that any process
/// has pending on the same synchronous pipe.
Result<FileFacts> describe_arrived_file(native_handle file, FileKind announced);

/// Another handle of the same open file, not inheritable.
Result<Handle> duplicate_handle(native_handle file);

}  // namespace relaunch::os
