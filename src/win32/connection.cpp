#include "common/os/connection.hpp"

#include "win32/win32.hpp"

namespace relaunch::os {

SocketType socket_type(native_socket socket) {
  DWORD type = 0;
  int size = sizeof type;
  if (getsockopt(socket, SOL_SOCKET, SO_TYPE, reinterpret_cast<char*>(&type),
                 &size) != 0) {
    return SocketType::none;
  }
  return type == SOCK_STREAM ? SocketType::stream : SocketType::other;
}

bool has_peer(native_socket socket) {
  sockaddr_storage peer{};
  int size = sizeof peer;
  return getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &size) == 0;
}

}  // namespace relaunch::os
