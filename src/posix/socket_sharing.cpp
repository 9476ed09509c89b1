#include "common/os/socket_sharing.hpp"

namespace relaunch::os {

Result<void> can_share_sockets() {
  return Error{std::make_error_code(std::errc::not_supported),
               "cannot give listeners by the protocol of systemfd: it is for "
               "Windows, here a program gets them as LISTEN_FDS"};
}

Result<std::string> share_socket(native_socket, const Process&) {
  return can_share_sockets().error();
}

}  // namespace relaunch::os
