#include "common/os/connection.hpp"

#include <sys/socket.h>

#include "common/base/text.hpp"

namespace relaunch::os {

Result<void> check_connected(native_socket socket) {
  const auto refused = [](std::string_view why) {
    return Error{errc::invalid_argument,
                 text::cat("cannot hand a connection over: ", why)};
  };
  int type = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &size) != 0) {
    return refused("it is no socket");
  }
  if (type != SOCK_STREAM) return refused("it is no stream socket");
  sockaddr_storage peer{};
  size = sizeof peer;
  if (::getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &size) != 0) {
    return refused("it is not connected");
  }
  return {};
}

}  // namespace relaunch::os
