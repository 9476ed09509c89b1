// Established connections.
#pragma once

#include "common/base/result.hpp"
#include "relaunch/native.hpp"

namespace relaunch::os {

/// Whether another process can go on with it: a stream socket of this system
/// that has a peer. errc::invalid_argument: it is none, or not connected (any
/// more).
Result<void> check_connected(native_socket socket);

/// What the system says of a socket.
enum class SocketType { none, stream, other };
SocketType socket_type(native_socket socket);
bool has_peer(native_socket socket);

}  // namespace relaunch::os
