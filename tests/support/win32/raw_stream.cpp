#include "support/raw_stream.hpp"

#include <algorithm>
#include <array>

#include "common/base/address.hpp"
#include "common/os/listener.hpp"
#include "common/os/system.hpp"
#include "win32/win32.hpp"

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
  made.client.reset(
      ::WSASocketW(family, SOCK_STREAM, IPPROTO_TCP, nullptr, 0,
                   WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT));
  if (!made.client) throw failure("socket");
  if (::connect(made.client.get(), static_cast<const sockaddr*>(where.native()),
                static_cast<int>(where.native_size())) != 0) {
    throw failure("connect");
  }
  // It is in the queue: connect() has returned.
  made.server.reset(::accept(listener.get(), nullptr, nullptr));
  if (!made.server) throw failure("accept");
  return made;
}

void send_raw(native_socket socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent =
        ::send(socket, bytes.data(), static_cast<int>(bytes.size()), 0);
    if (sent <= 0) throw failure("send");
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

std::string receive_raw(native_socket socket, std::size_t size) {
  const DWORD patience_ms = 10'000;
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO,
               reinterpret_cast<const char*>(&patience_ms), sizeof patience_ms);
  std::string bytes;
  std::array<char, 4096> piece{};
  while (bytes.size() < size) {
    const std::size_t wanted = std::min(piece.size(), size - bytes.size());
    const auto received =
        ::recv(socket, piece.data(), static_cast<int>(wanted), 0);
    if (received <= 0) break;
    bytes.append(piece.data(), static_cast<std::size_t>(received));
  }
  return bytes;
}

}  // namespace relaunch::test
