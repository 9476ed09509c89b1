// Places where a test can make this process fail. Without RELAUNCH_FAULTS,
// that is in every build that is not for tests, nothing of it is compiled.
//
// A test names a folder in the variable RELAUNCH_FAULTS of a program and puts
// files into it, called "<role>.<point>", before or while the program runs:
//   role   "supervisor", "incumbent", "successor", "leaving": it drains
//   point  one of those below, or the name of an action of the machines
//          (common/upgrade), struck before it is run; "resolve" before a
//          supervisor decides what becomes of the generations it has found,
//          "drain" before it tells one to leave
// What the file says happens once, since the file is removed first; that it is
// gone shows that the point was reached:
//   "kill"      the process ends at once, as by kill -9
//   "kill N"    the process with this number ends, and this one goes on
//   "hang"      the calling thread stops, as good as for ever
//   "error N"   the call fails with the system's error N (errno, GetLastError)
//
// channel.pair     socketpair, CreateNamedPipeW
// channel.send     sendmsg, the write to the pipe
// channel.receive  recvmsg, the read from the pipe
// handle.give      sendmsg with handles, WSADuplicateSocketW, DuplicateHandle
// handle.take      handles are lost on arrival, WSASocketW
// connections.give before a batch of connections is sent
// connections.take before the successor says that it has one
// connections.own  after that, before it touches them
// state.write      before the application writes a state
// state.give       before it is sent, also what has changed in one
// state.take       before what came is checked
// memory.make      memfd_create, CreateFileMappingW
// memory.fill      write, VirtualAlloc
// memory.map       mmap, MapViewOfFile
// listener.open    socket
// process.launch   clone, CreateProcessW
// process.open     pidfd_open, OpenProcess
// process.watch    the handle cannot be waited for
// output.open      pipe, CreateNamedPipeW
// file.open        open for reading, CreateFileW
// file.write       write, WriteFile
// file.sync        fsync, FlushFileBuffers
// file.rename      rename, MoveFileExW
// file.copy        the copy's bytes, CopyFileW
// folder.make      mkdir, CreateDirectoryW
#pragma once

#include <string_view>

namespace relaunch::os {

#ifdef RELAUNCH_FAULTS

/// Does what a test wants at this point. True: the call that follows is to be
/// left out, its error is in last_error() and last_socket_error().
bool fault(std::string_view point);

/// The role of this process from here on.
void set_fault_role(std::string_view role);

#else

constexpr bool fault(std::string_view) { return false; }
constexpr void set_fault_role(std::string_view) {}

#endif

}  // namespace relaunch::os
