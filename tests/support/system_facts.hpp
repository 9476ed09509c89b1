// What tests must know about the system they run on: one function with two
// bodies for each difference.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "common/os/handle.hpp"

namespace relaunch::test {

/// One text for each open handle of this process, for a census. POSIX: its
/// number and what it is; Windows: its value.
std::vector<std::string> list_open_handles();

/// What this process holds now.
struct OwnFacts {
  std::size_t handles = 0;
  std::size_t threads = 0;
  std::size_t resident_kib = 0;
};
OwnFacts own_facts();

/// Every child that is started in the ordinary way would get it.
os::Handle open_inheritable_stray();
/// Is this handle, in this process, what open_inheritable_stray() opens?
bool is_stray(native_handle handle);
/// How another process would be told a handle's number.
std::string number_of(native_handle handle);

/// ExitStatus::text() of a process that dies of a bad pointer.
std::string crash_text();
/// ExitStatus::text() of a process that was ended by Process::kill().
std::string killed_text();

/// False: files have no mode bits for group and others here.
bool has_mode_bits();
/// False: at the moment when a file is replaced a reader may be refused, or
/// find no file of this name.
bool replaces_in_one_step();

/// True: a socket that was on a completion port stays tied to it for good.
/// Neither POSIX, which has none, nor Windows since 8.1.
bool tied_sockets_stay_tied();

/// For one connection, 20 seconds at most; empty: none came. As a server may
/// accept on a listener that other processes share.
os::Socket accept_one(native_socket listener);
/// shutdown() of both directions, as a program may do that shares it.
void shut_down(native_socket listener);
/// Bytes into a channel end, past the Channel.
bool write_raw(native_handle channel_end, std::string_view bytes);

/// While it lives this process ignores its children, as a host program may.
/// Only POSIX lets it.
class ChildrenIgnored {
 public:
  ChildrenIgnored();
  ~ChildrenIgnored();
  ChildrenIgnored(const ChildrenIgnored&) = delete;
  ChildrenIgnored& operator=(const ChildrenIgnored&) = delete;
};

/// While it lives the request to stop is blocked in this thread and ignored in
/// this process, where the system has such a thing.
class StopBlocked {
 public:
  StopBlocked();
  ~StopBlocked();
  StopBlocked(const StopBlocked&) = delete;
  StopBlocked& operator=(const StopBlocked&) = delete;
};

/// The number under which last_error() tells of a lack.
enum class Lack { memory, handles, room, disk, write_access, device };
int error_number(Lack lack);
/// True: a frame for which there is no room is sent when there is some.
bool waits_for_room();

/// So many handles can be open in this process and in those that it starts.
/// Throws Error. Windows has no such limit.
void allow_handles(std::size_t count);
/// From now on so many more handles can be opened in this process; false: the
/// system has no such limit.
bool limit_handles(unsigned more);

/// POSIX: what a build tool does with its jobs, so that a signal to a process
/// group misses them. Windows: nothing of the kind.
void leave_process_group();

}  // namespace relaunch::test
