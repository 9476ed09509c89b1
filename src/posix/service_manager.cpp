#include "common/os/service_manager.hpp"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

#include "common/base/text.hpp"
#include "common/os/handle.hpp"
#include "common/os/system.hpp"
#include "posix/posix.hpp"

namespace relaunch::os {

namespace {

std::optional<std::uint64_t> number_in(std::string_view name) {
  const auto value = environment_variable(name);
  std::uint64_t number = 0;
  if (!value) return std::nullopt;
  const char* const end = value->data() + value->size();
  const auto [rest, failure] = std::from_chars(value->data(), end, number);
  if (failure != std::errc{} || rest != end) return std::nullopt;
  return number;
}

}  // namespace

std::optional<ServiceManager> ServiceManager::find() {
  const auto address = environment_variable("NOTIFY_SOCKET");
  // sd_watchdog_enabled(3): meant for this process, or for whoever is watched
  // if WATCHDOG_PID is not set.
  const bool any_pid = !environment_variable("WATCHDOG_PID");
  const auto pid = number_in("WATCHDOG_PID");
  const auto length = number_in("WATCHDOG_USEC");
  if (!address || address->empty()) return std::nullopt;
  ServiceManager manager;
  manager.address_ = *address;
  const bool is_meant = any_pid || pid == own_process_id();
  if (is_meant && length && *length > 0) {
    manager.watchdog_ = std::chrono::microseconds{*length};
  }
  return manager;
}

std::optional<ProcessId> ServiceManager::main_process() {
  const auto number = number_in("SYSTEMD_EXEC_PID");
  if (!number || *number > std::numeric_limits<ProcessId>::max()) return {};
  return static_cast<ProcessId>(*number);
}

Result<void> ServiceManager::tell(std::string_view assignments,
                                  std::chrono::milliseconds patience) const {
  return send(assignments, patience, nullptr);
}

// FDPOLL=0: a program below may shut a listener down, and it listens again.
Result<void> ServiceManager::store(std::string_view name,
                                   native_socket socket) const {
  return send(text::cat("FDSTORE=1\nFDPOLL=0\nFDNAME=", name), {}, &socket);
}

Result<void> ServiceManager::forget(std::string_view name) const {
  return send(text::cat("FDSTOREREMOVE=1\nFDNAME=", name), {}, nullptr);
}

Result<void> ServiceManager::send(std::string_view assignments,
                                  std::chrono::milliseconds patience,
                                  const native_socket* passed) const {
  const auto failed = [this](std::error_code why, const char* call) {
    return Error{why, text::cat("cannot tell service manager at ",
                                text::printable(address_), ": ", call)};
  };
  sockaddr_un to = {};
  to.sun_family = AF_UNIX;
  const bool is_path = address_.front() == '/';
  if (!is_path && address_.front() != '@') {
    return failed(make_error_code(std::errc::address_family_not_supported),
                  "NOTIFY_SOCKET is neither a path nor abstract");
  }
  if (address_.size() + is_path > sizeof to.sun_path) {
    return failed(make_error_code(std::errc::filename_too_long),
                  "NOTIFY_SOCKET");
  }
  std::memcpy(to.sun_path, address_.data(), address_.size());
  // unix(7): an abstract name begins with a NUL, and has no other at its end.
  if (!is_path) to.sun_path[0] = '\0';
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) +
                                           address_.size() + is_path);
  const Handle socket{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  if (!socket) return failed(last_error(), "socket");
  const bool waits = patience.count() > 0;
  const timeval limit = {patience.count() / 1000,
                         patience.count() % 1000 * 1000};
  if (waits && ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &limit,
                            sizeof limit) != 0) {
    return failed(last_error(), "SO_SNDTIMEO");
  }
  iovec bytes = {const_cast<char*>(assignments.data()), assignments.size()};
  msghdr message = {};
  message.msg_name = &to;
  message.msg_namelen = size;
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  if (passed) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), passed, sizeof *passed);
  }
  const ssize_t sent = uninterrupted([&] {
    return ::sendmsg(socket.get(), &message,
                     MSG_NOSIGNAL | (waits ? 0 : MSG_DONTWAIT));
  });
  if (sent < 0) return failed(last_error(), "sendmsg");
  return {};
}

}  // namespace relaunch::os
