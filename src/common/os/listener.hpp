// Listening sockets: opened once, shared by the generations, never closed
// while one of them may still need it.
#pragma once

#include <string>
#include <string_view>

#include "common/base/address.hpp"
#include "common/base/result.hpp"
#include "common/os/handle.hpp"

namespace relaunch::os {

/// Makes the socket library usable in this process (Windows: WSAStartup, once;
/// POSIX: nothing). Called by whoever opens or adopts a socket first.
Result<void> start_sockets();

/// Opens, binds and listens with the system's largest queue (a full one makes
/// a client wait a second on Linux, and is a refusal on Windows).
///
/// POSIX: SOCK_CLOEXEC, SO_REUSEADDR, non-blocking; these flags belong to the
/// open socket, which both generations share, and are never changed again.
/// Windows: SO_EXCLUSIVEADDRUSE, not inheritable, never on a completion port.
/// Errors: address in use, no right to it, no such address; nothing stays open.
///
/// A unix socket at a path: what a process that was killed has left there is
/// removed, as long as it is a socket that nobody serves. `file`: which file
/// has been made, "DEVICE.INODE"; empty for any other address. A datagram
/// socket is bound and does not listen. Windows: refused.
Result<Socket> open_listener(const Address& address,
                             std::string* file = nullptr);

/// Is the path still this file? Also if there is none to be.
bool has_listener_file(const Address& address, std::string_view file);

/// By the last owner of a unix listener, before it is closed: removes the path,
/// if it is still the file that open_listener() has made. One that cannot be
/// removed stays; whoever opens the same path next removes it.
void remove_listener_file(const Address& address, std::string_view file);

/// Where it really listens: tells the port behind `:0`.
Result<Address> local_address(native_socket listener);

/// Where it listens, if what came is what was announced: a socket of the right
/// family and type that accepts connections (of datagrams: that is bound), at
/// that address.
Result<Address> check_listener(native_socket listener, const Address& expected);

/// Whether it accepts connections, or datagrams. Not so after a program that
/// shares it has called shutdown(): its queue is gone, and every client is
/// refused. Errors: it is no socket.
Result<bool> is_listening(native_socket listener);

/// Makes it listen again, as open_listener() does, at the address where it was.
/// Errors: a unix socket that was shut down stays so.
Result<void> listen_again(native_socket listener, const Address& address);

}  // namespace relaunch::os
