// What becomes of a connection that its other side breaks off.
#pragma once

namespace relaunch::test {

/// Always told as that. Wine's server reads the error off a socket when it sees
/// it first (server/sock.c, sock_error): then it seems to have been closed.
bool resets_are_told();

}  // namespace relaunch::test
