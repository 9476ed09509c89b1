#include "common/os/listener.hpp"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <optional>

#include "common/base/text.hpp"
#include "common/os/fault.hpp"
#include "posix/posix.hpp"
#include "posix/unix_path.hpp"

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

bool is_same_place(const Address& actual, const Address& expected) {
  if (actual.is_unix() || expected.is_unix()) return actual == expected;
  const bool same_port =
      expected.port() == 0 || expected.port() == actual.port();
  return same_port && host_of(actual) == host_of(expected);
}

// A unix socket says that it accepts as before.
// https://elixir.bootlin.com/linux/v6.1/source/net/unix/af_unix.c#L2984
bool was_shut_down(int socket) {
  pollfd asked{socket, POLLRDHUP, 0};
  return ::poll(&asked, 1, 0) == 1 &&
         (asked.revents & (POLLRDHUP | POLLHUP)) != 0;
}

Error cannot_listen(const Address& address, const char* call) {
  return Error{last_socket_error(),
               cat("cannot listen on ", address.text(), ": ", call)};
}

bool bind_to(int socket, const Address& address) {
  return ::bind(socket, static_cast<const sockaddr*>(address.native()),
                static_cast<socklen_t>(address.native_size())) == 0;
}

Result<Socket> open_tcp(const Address& address) {
  const auto failed = [&address](const char* call) {
    return cannot_listen(address, call);
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
  if (!bind_to(socket.get(), address)) return failed("bind");
  // What is more than net.core.somaxconn is cut down to it silently.
  // https://man7.org/linux/man-pages/man2/listen.2.html
  if (::listen(socket.get(), INT_MAX) != 0) return failed("listen");
  return socket;
}

int type_of(const Address& address) {
  switch (address.kind()) {
    case Address::Kind::unix_seqpacket:
      return SOCK_SEQPACKET;
    case Address::Kind::unix_datagram:
      return SOCK_DGRAM;
    case Address::Kind::tcp:
    case Address::Kind::unix_stream:
      break;
  }
  return SOCK_STREAM;
}

/// Held while the path is looked at and bound: two that start at the same time
/// must not remove each other's file. Nothing for an abstract name.
Result<std::optional<PathLock>> make_room(const Address& address) {
  const std::string& path = address.path();
  if (path.empty()) return std::optional<PathLock>{};
  const auto in_use = [&address] {
    return Error{std::make_error_code(std::errc::address_in_use),
                 cat("cannot listen on ", address.text(),
                     ": another process serves it")};
  };
  auto lock = PathLock::take(path);
  if (!lock) return lock.error();
  if (!*lock) return in_use();
  const auto free = remove_stale(path, type_of(address), Whose::anybodys);
  if (!free) return free.error();
  if (!*free) return in_use();
  return lock;
}

Result<Socket> open_unix(const Address& address, std::string& file) {
  if (fault("listener.open")) return cannot_listen(address, "socket");
  const auto lock = make_room(address);
  if (!lock) return lock.error();
  const int type = type_of(address);
  Socket socket{::socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!socket) return cannot_listen(address, "socket");
  if (!bind_to(socket.get(), address)) return cannot_listen(address, "bind");
  if (!address.path().empty()) file = file_at(address.path());
  if (type != SOCK_DGRAM && ::listen(socket.get(), INT_MAX) != 0) {
    Error failed = cannot_listen(address, "listen");
    remove_listener_file(address, file);
    return failed;
  }
  return socket;
}

}  // namespace

Result<void> start_sockets() { return {}; }

Result<Socket> open_listener(const Address& address, std::string* file) {
  std::string made;
  auto socket =
      address.is_unix() ? open_unix(address, made) : open_tcp(address);
  if (file != nullptr) *file = std::move(made);
  return socket;
}

bool has_listener_file(const Address& address, std::string_view file) {
  return file.empty() || file_at(address.path()) == file;
}

void remove_listener_file(const Address& address, std::string_view file) {
  if (address.path().empty()) return;
  remove_file_at(address.path(), file);
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
  auto kind = Address::Kind::unix_stream;
  if (storage.ss_family == AF_UNIX) {
    const auto type = read_option(listener, SO_TYPE);
    if (!type) return type.error();
    if (*type == SOCK_SEQPACKET) kind = Address::Kind::unix_seqpacket;
    if (*type == SOCK_DGRAM) kind = Address::Kind::unix_datagram;
  }
  return Address::from_native(&storage, size, kind);
}

Result<Address> check_listener(native_socket listener,
                               const Address& expected) {
  const auto refused = [&](std::string_view why) {
    return Error{errc::handover_refused, cat("cannot adopt a listener for ",
                                             expected.text(), ": ", why)};
  };
  const auto type = read_option(listener, SO_TYPE);
  if (!type) return type.error();
  if (*type != type_of(expected)) return refused("it is of another type");
  const auto accepting = read_option(listener, SO_ACCEPTCONN);
  if (!accepting) return accepting.error();
  if (*accepting == 0 && *type != SOCK_DGRAM) {
    return refused("it does not accept connections");
  }
  auto actual = local_address(listener);
  if (!actual) return actual;
  if (!is_same_place(*actual, expected)) {
    return refused(cat("it listens on ", actual->text()));
  }
  return actual;
}

Result<bool> is_listening(native_socket listener) {
  const auto domain = read_option(listener, SO_DOMAIN);
  if (!domain) return domain.error();
  if (*domain == AF_UNIX) return !was_shut_down(listener);
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
  if (address.is_unix()) {
    return Error{std::make_error_code(std::errc::operation_not_supported),
                 cat("cannot listen on ", address.text(),
                     " again: a unix socket that was shut down stays so")};
  }
  if (!bind_to(listener, address) && errno != EINVAL) return failed("bind");
  if (::listen(listener, INT_MAX) != 0) return failed("listen");
  return {};
}

}  // namespace relaunch::os
