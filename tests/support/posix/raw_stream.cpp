#include "support/raw_stream.hpp"

#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>

#include "common/os/system.hpp"

namespace relaunch::test {
namespace {

Error failure(const char* call) { return {os::last_socket_error(), call}; }

}  // namespace

os::Socket connect_raw(const Address& where) {
  const int family = static_cast<const sockaddr*>(where.native())->sa_family;
  os::Socket client{::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  if (!client) throw failure("socket");
  if (::connect(client.get(), static_cast<const sockaddr*>(where.native()),
                static_cast<socklen_t>(where.native_size())) != 0) {
    throw failure("connect");
  }
  return client;
}

os::Socket accept_raw(native_socket listener) {
  os::Socket server{::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC)};
  if (!server) throw failure("accept");
  return server;
}

std::size_t send_some_raw(native_socket socket, std::string_view bytes) {
  const auto sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent <= 0) throw failure("send");
  return static_cast<std::size_t>(sent);
}

std::string receive_some_raw(native_socket socket, std::size_t limit) {
  const timeval patience{10, 0};
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  std::array<char, 4096> piece{};
  const auto received =
      ::recv(socket, piece.data(), std::min(piece.size(), limit), 0);
  return {piece.data(),
          static_cast<std::size_t>(std::max<ssize_t>(received, 0))};
}

}  // namespace relaunch::test
