#include "common/os/listener.hpp"

#include <cstring>

#include "common/base/text.hpp"
#include "common/os/fault.hpp"
#include "win32/win32.hpp"

namespace relaunch::os {

namespace {

// SOMAXCONN_HINT(65535), which mingw-w64 does not define.
// https://learn.microsoft.com/windows/win32/api/winsock2/nf-winsock2-listen
constexpr int kLargestQueue = -65535;

Error socket_failure(std::string context, std::error_code code) {
  return Error{code, std::move(context)};
}

// The C++ runtime of mingw-w64 has no texts for the codes of Winsock.
std::string_view reason(const std::error_code& code) {
  switch (code.value()) {
    case WSAEADDRINUSE:
      return ": the address is in use";
    case WSAEACCES:
      return ": the address is in use or reserved";
    case WSAEADDRNOTAVAIL:
      return ": this machine does not have the address";
    case WSAEAFNOSUPPORT:
      return ": this machine does not have this kind of address";
    default:
      return "";
  }
}

Error cannot_listen(const Address& address, std::string_view call) {
  const std::error_code code = last_socket_error();
  return socket_failure(
      text::cat("cannot listen on ", address.text(), ": ", call, reason(code)),
      code);
}

// The reasons are in docs/windows.md: there is no exclusive use of such a path,
// and no promise that another process can be given the socket.
Error refused_unix(const Address& address, std::string_view what) {
  return Error{std::make_error_code(std::errc::address_family_not_supported),
               text::cat("cannot ", what, ' ', address.text(),
                         ": on Windows a listener is a TCP one")};
}

int set_option(native_socket socket, int level, int option, DWORD value) {
  return setsockopt(socket, level, option,
                    reinterpret_cast<const char*>(&value), sizeof value);
}

Result<DWORD> option(native_socket socket, int name, std::string_view what) {
  DWORD value = 0;
  int size = sizeof value;
  if (getsockopt(socket, SOL_SOCKET, name, reinterpret_cast<char*>(&value),
                 &size) != 0) {
    const std::error_code code = last_socket_error();
    return socket_failure(
        text::cat("cannot check a listener: getsockopt ", what), code);
  }
  return value;
}

// Port 0 was asked for: any port is right.
bool is_same_place(const Address& actual, const Address& expected) {
  if (actual.is_unix()) return false;
  if (actual.is_v6() != expected.is_v6()) return false;
  if (expected.port() != 0 && actual.port() != expected.port()) return false;
  if (expected.is_v6()) {
    sockaddr_in6 a{};
    sockaddr_in6 b{};
    std::memcpy(&a, actual.native(), sizeof a);
    std::memcpy(&b, expected.native(), sizeof b);
    return std::memcmp(&a.sin6_addr, &b.sin6_addr, sizeof a.sin6_addr) == 0;
  }
  sockaddr_in a{};
  sockaddr_in b{};
  std::memcpy(&a, actual.native(), sizeof a);
  std::memcpy(&b, expected.native(), sizeof b);
  return a.sin_addr.s_addr == b.sin_addr.s_addr;
}

}  // namespace

Result<void> start_sockets() {
  // Never balanced by WSACleanup: sockets that the host has adopted live as
  // long as the process.
  static const int failed = [] {
    WSADATA data{};
    return WSAStartup(MAKEWORD(2, 2), &data);
  }();
  if (failed != 0) {
    return win32::failure("cannot use sockets: WSAStartup",
                          static_cast<DWORD>(failed));
  }
  return {};
}

Result<Socket> open_listener(const Address& address, std::string* file) {
  if (file != nullptr) file->clear();
  if (address.is_unix()) return refused_unix(address, "listen on");
  if (auto started = start_sockets(); !started) return started.error();
  // Raw Winsock: Asio's acceptor would set SO_REUSEADDR, which on Windows lets
  // another program take the port, and would tie the socket to a completion
  // port for ever: no other process could accept on it.
  Socket socket{WSASocketW(address.is_v6() ? AF_INET6 : AF_INET, SOCK_STREAM,
                           IPPROTO_TCP, nullptr, 0,
                           WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT)};
  if (!socket || fault("listener.open")) {
    return cannot_listen(address, "WSASocketW");
  }
  if (set_option(socket.get(), SOL_SOCKET, SO_EXCLUSIVEADDRUSE, 1) != 0) {
    return cannot_listen(address, "setsockopt SO_EXCLUSIVEADDRUSE");
  }
  // [::] must not take the address that another listener of the same program
  // wants as 0.0.0.0.
  if (address.is_v6() &&
      set_option(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1) != 0) {
    return cannot_listen(address, "setsockopt IPV6_V6ONLY");
  }
  if (bind(socket.get(), static_cast<const sockaddr*>(address.native()),
           static_cast<int>(address.native_size())) != 0) {
    return cannot_listen(address, "bind");
  }
  // A full queue is a refusal here: the hint asks for the largest one.
  if (listen(socket.get(), kLargestQueue) != 0) {
    return cannot_listen(address, "listen");
  }
  return socket;
}

// No listener makes one.
bool has_listener_file(const Address&, std::string_view) { return true; }

void remove_listener_file(const Address&, std::string_view) {}

Result<Address> local_address(native_socket listener) {
  sockaddr_storage storage{};
  int size = sizeof storage;
  if (getsockname(listener, reinterpret_cast<sockaddr*>(&storage), &size) !=
      0) {
    const std::error_code code = last_socket_error();
    return socket_failure("cannot tell a listener's address: getsockname",
                          code);
  }
  return Address::from_native(&storage, static_cast<std::size_t>(size));
}

Result<Address> check_listener(native_socket listener,
                               const Address& expected) {
  if (expected.is_unix()) return refused_unix(expected, "adopt a listener for");
  const auto type = option(listener, SO_TYPE, "SO_TYPE");
  if (!type) return type.error();
  const auto accepting = option(listener, SO_ACCEPTCONN, "SO_ACCEPTCONN");
  if (!accepting) return accepting.error();
  if (*type != SOCK_STREAM || *accepting == 0) {
    return Error{make_error_code(errc::handover_refused),
                 text::cat("cannot adopt the listener for ", expected.text(),
                           ": it is no socket that accepts connections")};
  }
  auto actual = local_address(listener);
  if (!actual) return actual;
  if (!is_same_place(*actual, expected)) {
    return Error{make_error_code(errc::handover_refused),
                 text::cat("cannot adopt the listener for ", expected.text(),
                           ": it listens on ", actual->text())};
  }
  return actual;
}

Result<bool> is_listening(native_socket listener) {
  const auto accepting = option(listener, SO_ACCEPTCONN, "SO_ACCEPTCONN");
  if (!accepting) return accepting.error();
  return *accepting != 0;
}

// It stays bound, whatever was done to it.
Result<void> listen_again(native_socket listener, const Address& address) {
  if (address.is_unix()) return refused_unix(address, "listen again on");
  if (listen(listener, kLargestQueue) == 0) return {};
  return cannot_listen(address, "listen, again");
}

}  // namespace relaunch::os
