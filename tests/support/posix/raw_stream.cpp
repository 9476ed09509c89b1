#include "support/raw_stream.hpp"

#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>

#include "common/base/address.hpp"
#include "common/os/listener.hpp"
#include "common/os/system.hpp"

namespace relaunch::test {
namespace {

Error failure(const char* call) { return {os::last_socket_error(), call}; }

}  // namespace

RawConnection make_raw_connection() {
  const auto asked = Address::parse("tcp://127.0.0.1:0").value();
  const os::Socket listener = os::open_listener(asked).value();
  const Address where = os::local_address(listener.get()).value();
  const int family = AF_INET;
  RawConnection made;
  made.client.reset(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!made.client) throw failure("socket");
  if (::connect(made.client.get(), static_cast<const sockaddr*>(where.native()),
                static_cast<socklen_t>(where.native_size())) != 0) {
    throw failure("connect");
  }
  // It is in the queue: connect() has returned.
  made.server.reset(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!made.server) throw failure("accept");
  return made;
}

void send_raw(native_socket socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) throw failure("send");
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

std::string receive_raw(native_socket socket, std::size_t size) {
  const timeval patience{10, 0};
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  std::string bytes;
  std::array<char, 4096> piece{};
  while (bytes.size() < size) {
    const std::size_t wanted = std::min(piece.size(), size - bytes.size());
    const auto received = ::recv(socket, piece.data(), wanted, 0);
    if (received <= 0) break;
    bytes.append(piece.data(), static_cast<std::size_t>(received));
  }
  return bytes;
}

}  // namespace relaunch::test
