// One message on a unix socket, with the handles that travel beside its bytes.
#pragma once

#include <sys/types.h>

#include <deque>
#include <span>
#include <string_view>

#include "common/os/handle.hpp"

namespace relaunch::os {

/// As sendmsg(): how many bytes were taken, or -1 and errno. The handles go
/// with the first of them. Never waits, never raises SIGPIPE.
ssize_t send_message(int socket, std::string_view bytes,
                     std::span<const int> handles);

/// As recvmsg(). What came is appended, owned and close-on-exec. `truncated`:
/// more was sent, and the system has closed it, since this process has no
/// number left for it. Never waits.
ssize_t receive_message(int socket, std::span<char> buffer,
                        std::deque<Handle>& handles, bool& truncated);

}  // namespace relaunch::os
