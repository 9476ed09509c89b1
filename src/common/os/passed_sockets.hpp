// Sockets that a service manager has opened, or kept, for this process, by the
// protocol of sd_listen_fds(3).
// https://www.freedesktop.org/software/systemd/man/252/sd_listen_fds.html
//
// Windows has no such protocol: only another supervisor passes any there.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/result.hpp"
#include "common/os/handle.hpp"

namespace relaunch::os {

struct PassedSocket {
  std::string name;
  Socket socket;
};

/// Once, before another file gets one of their numbers: the variables are
/// unset, and each socket is closed on exec and non-blocking from then on.
/// Nothing if they are meant for another process. Errors: what the variables
/// say is no count, or not true. Also those that become() has left here.
Result<std::vector<PassedSocket>> take_passed_sockets();

/// Two numbers are equal if they are one socket, as long as that is open.
std::uint64_t identity_of(native_socket socket);

}  // namespace relaunch::os
