// Sockets for a program that does not speak our protocol.
#pragma once

#include <string>

#include "common/base/result.hpp"
#include "common/os/handle.hpp"
#include "common/os/process.hpp"

namespace relaunch::os {

/// Nothing if share_socket() works on this system. POSIX:
/// std::errc::not_supported, since a program gets its listeners as LISTEN_FDS
/// there.
Result<void> can_share_sockets();

/// What `receiver`, and no other process, makes its own handle of the socket
/// from: the bytes of a WSAPROTOCOL_INFOW, good for once. Its number cannot
/// mean another process meanwhile, since its handle is open here. An inherited
/// socket handle would not do: AcceptEx on one fails in part, and layered
/// service providers do not know of it.
/// https://learn.microsoft.com/windows/win32/api/winsock2/nf-winsock2-wsaduplicatesocketw
Result<std::string> share_socket(native_socket socket, const Process& receiver);

}  // namespace relaunch::os
