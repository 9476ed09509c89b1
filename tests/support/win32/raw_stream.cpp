#include "support/raw_stream.hpp"

#include <algorithm>
#include <array>

#include "common/os/system.hpp"
#include "win32/win32.hpp"

namespace relaunch::test {
namespace {

Error failure(const char* call) { return {os::last_socket_error(), call}; }

}  // namespace

os::Socket connect_raw(const Address& where) {
  os::Socket client{::WSASocketW(
      where.is_v6() ? AF_INET6 : AF_INET, SOCK_STREAM, IPPROTO_TCP, nullptr, 0,
      WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT)};
  if (!client) throw failure("WSASocketW");
  if (::connect(client.get(), static_cast<const sockaddr*>(where.native()),
                static_cast<int>(where.native_size())) != 0) {
    throw failure("connect");
  }
  return client;
}

os::Socket accept_raw(native_socket listener) {
  os::Socket server{::accept(listener, nullptr, nullptr)};
  if (!server) throw failure("accept");
  return server;
}

std::size_t send_some_raw(native_socket socket, std::string_view bytes) {
  const int sent =
      ::send(socket, bytes.data(), static_cast<int>(bytes.size()), 0);
  if (sent <= 0) throw failure("send");
  return static_cast<std::size_t>(sent);
}

std::string receive_some_raw(native_socket socket, std::size_t limit) {
  const DWORD patience_ms = 10'000;
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO,
               reinterpret_cast<const char*>(&patience_ms), sizeof patience_ms);
  std::array<char, 4096> piece{};
  const int received = ::recv(
      socket, piece.data(), static_cast<int>(std::min(piece.size(), limit)), 0);
  return {piece.data(), static_cast<std::size_t>(std::max(received, 0))};
}

}  // namespace relaunch::test
