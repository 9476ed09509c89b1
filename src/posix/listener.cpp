#include "common/os/listener.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

#include "common/base/text.hpp"
#include "common/os/fault.hpp"
#include "posix/posix.hpp"

namespace relaunch::os {
namespace {

using text::cat;

bool turn_on(int socket, int level, int option) {
  const int on = 1;
  return ::setsockopt(socket, level, option, &on, sizeof on) == 0;
}

Result<int> read_option(int socket, int option) {
  int value = 0;
  socklen_t size = sizeof value;
  if (::getsockopt(socket, SOL_SOCKET, option, &value, &size) != 0) {
    return Error{last_error(),
                 cat("cannot adopt socket ", socket, ": getsockopt")};
  }
  return value;
}

// "tcp://127.0.0.1:8080" without its port.
std::string_view host_of(const Address& address) {
  const std::string_view whole = address.text();
  return whole.substr(0, whole.rfind(':'));
}

}  // namespace

Result<void> start_sockets() { return {}; }

Result<Socket> open_listener(const Address& address) {
  const auto failed = [&address](const char* call) {
    return Error{last_socket_error(),
                 cat("cannot listen on ", address.text(), ": ", call)};
  };
  const int family = address.is_v6() ? AF_INET6 : AF_INET;
  if (fault("listener.open")) return failed("socket");
  Socket socket{
      ::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!socket) return failed("socket");
  // Without it an address whose last connections are in TIME_WAIT is taken.
  if (!turn_on(socket.get(), SOL_SOCKET, SO_REUSEADDR)) {
    return failed("SO_REUSEADDR");
  }
  // Its default is the machine's choice; and [::] must not take the address
  // that another listener of the same program wants as 0.0.0.0.
  if (address.is_v6() && !turn_on(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY)) {
    return failed("IPV6_V6ONLY");
  }
  if (::bind(socket.get(), static_cast<const sockaddr*>(address.native()),
             static_cast<socklen_t>(address.native_size())) != 0) {
    return failed("bind");
  }
  // What is more than net.core.somaxconn is cut down to it silently.
  // https://man7.org/linux/man-pages/man2/listen.2.html
  if (::listen(socket.get(), INT_MAX) != 0) return failed("listen");
  return socket;
}

Result<Address> local_address(native_socket listener) {
  sockaddr_storage storage = {};
  socklen_t size = sizeof storage;
  if (::getsockname(listener, reinterpret_cast<sockaddr*>(&storage), &size) !=
      0) {
    return Error{last_socket_error(),
                 "cannot tell a listener's address: "
                 "getsockname"};
  }
  return Address::from_native(&storage, size);
}

Result<Address> check_listener(native_socket listener,
                               const Address& expected) {
  const auto refused = [&](std::string_view why) {
    return Error{errc::handover_refused, cat("cannot adopt a listener for ",
                                             expected.text(), ": ", why)};
  };
  const auto type = read_option(listener, SO_TYPE);
  if (!type) return type.error();
  if (*type != SOCK_STREAM) return refused("it is no stream socket");
  const auto accepting = read_option(listener, SO_ACCEPTCONN);
  if (!accepting) return accepting.error();
  if (*accepting == 0) return refused("it does not accept connections");
  auto actual = local_address(listener);
  if (!actual) return actual;
  const bool same_port =
      expected.port() == 0 || expected.port() == actual->port();
  if (!same_port || host_of(*actual) != host_of(expected)) {
    return refused(cat("it listens on ", actual->text()));
  }
  return actual;
}

Result<bool> is_listening(native_socket listener) {
  const auto accepting = read_option(listener, SO_ACCEPTCONN);
  if (!accepting) return accepting.error();
  return *accepting != 0;
}

// shutdown() has taken it back to the state of a fresh socket, but for a port
// that was asked for by its number. A bound socket answers EINVAL to bind.
// https://elixir.bootlin.com/linux/v6.1/source/net/ipv4/tcp.c#L2697
Result<void> listen_again(native_socket listener, const Address& address) {
  const auto failed = [&address](const char* call) {
    return Error{last_socket_error(),
                 cat("cannot listen on ", address.text(), " again: ", call)};
  };
  if (::bind(listener, static_cast<const sockaddr*>(address.native()),
             static_cast<socklen_t>(address.native_size())) != 0 &&
      errno != EINVAL) {
    return failed("bind");
  }
  if (::listen(listener, INT_MAX) != 0) return failed("listen");
  return {};
}

}  // namespace relaunch::os
