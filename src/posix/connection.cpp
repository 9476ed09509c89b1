#include "common/os/connection.hpp"

#include <sys/socket.h>

namespace relaunch::os {

SocketType socket_type(native_socket socket) {
  int type = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &size) != 0) {
    return SocketType::none;
  }
  return type == SOCK_STREAM ? SocketType::stream : SocketType::other;
}

bool has_peer(native_socket socket) {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  return ::getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &size) == 0;
}

}  // namespace relaunch::os
