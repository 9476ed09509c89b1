// Files: private folders, durable writes, copies, locks.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "common/base/result.hpp"
#include "common/os/handle.hpp"
#include "common/os/system.hpp"

namespace relaunch::os {

namespace fs = std::filesystem;

/// Makes the folder and its missing parents. POSIX: all that are made are 0700
/// and ours; a folder that exists with another owner, wider rights or as a
/// symbolic link is refused. Windows: all that are made are for this user,
/// SYSTEM and the administrators; a folder that exists with another owner, that
/// others may write to, or that is a link is refused.
Result<void> make_private_folder(const fs::path& folder);

/// The whole file. Errors: as of open and read; over `limit` bytes →
/// errc::invalid_argument. A symbolic link is not followed.
Result<std::string> read_file(const fs::path& file, std::size_t limit);

/// Replaces `file` by these bytes so that a reader sees the old or the new
/// ones and a power loss leaves one of the two: temporary file in the same
/// folder, synced, renamed over, folder synced. Windows: MoveFileExW with
/// write-through, tried again for a second while a reader has it open. On any
/// error the old file is untouched and no temporary file is left.
Result<void> write_durably(const fs::path& file, std::string_view bytes);

/// The same for a file that others only look at and that can be written anew:
/// on POSIX not synced, and anybody may read it. Windows: the same as above,
/// with the rights of its folder.
Result<void> publish_file(const fs::path& file, std::string_view bytes);

/// Writes these bytes at this place of the file, which is made if it is not
/// there (POSIX: 0600); they are on the disk when this returns. The rest of the
/// file stays as it is; after an error these bytes may be anything. A symbolic
/// link is not followed.
Result<void> write_in_place(const fs::path& file, std::size_t offset,
                            std::string_view bytes);

/// Copies bytes and mode to a new file that must not exist. A file system that
/// can shares the blocks (FICLONE); never a hard link, since a write in place
/// would change the copy too. Linux file capabilities are copied, or it fails:
/// a release without them would not be the same program.
Result<void> copy_file(const fs::path& from, const fs::path& to);

/// Waits until a file's bytes are on the disk.
Result<void> sync_file(const fs::path& file);

/// Can its owner run it (POSIX: mode bits; Windows: always)?
bool is_executable(const fs::path& file);

/// The next bytes from an open file; empty at its end.
Result<std::string> read_some(native_handle file, std::size_t limit);
/// Back to the first byte.
Result<void> rewind_file(native_handle file);
/// Do the path and the open file name the same file now?
bool is_same_file(const fs::path& path, native_handle file);

/// Frees the name of a running program's file so that a linker can write it:
/// renamed to `<name>.relaunch-<pid>` beside it, then copied back. Needed on
/// Windows, where a running file cannot be written; on POSIX a linker that
/// writes in place would get ETXTBSY. Answers the new path of the running one.
/// On any error the file has its old name.
Result<fs::path> move_running_file_aside(const fs::path& file);
/// What the running file of that process is called when it was moved aside.
fs::path aside_name(const fs::path& file, ProcessId pid);

/// Best effort, never an error: on Windows what still runs stays, and is
/// removed another time.
void remove_if_possible(const fs::path& file_or_folder);

}  // namespace relaunch::os
