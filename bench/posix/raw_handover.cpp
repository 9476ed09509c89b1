#include "raw_handover.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <stdexcept>

#include "posix/message.hpp"
#include "posix/posix.hpp"

namespace relaunch::bench {
namespace {

constexpr std::size_t kPerMessage = 253;  // SCM_MAX_FD

void wait_for(int end, short events) {
  pollfd ready{end, events, 0};
  if (os::uninterrupted([&] { return ::poll(&ready, 1, 60'000); }) != 1) {
    throw std::runtime_error("the other side does not answer");
  }
}

/// Again and again until the call need not wait any more.
template <typename Call>
std::size_t when_ready(int end, short events, Call call) {
  for (;;) {
    const ssize_t size = call();
    if (size > 0) return static_cast<std::size_t>(size);
    if (size == 0) throw std::runtime_error("the other side is gone");
    if (errno != EAGAIN) throw std::system_error(os::last_error());
    wait_for(end, events);
  }
}

}  // namespace

void write_bytes(native_handle end, std::string_view bytes) {
  while (!bytes.empty()) {
    bytes.remove_prefix(when_ready(end, POLLOUT, [&] {
      return ::write(end, bytes.data(), bytes.size());
    }));
  }
}

std::string read_bytes(native_handle end, std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t at = 0; at < size;) {
    at += when_ready(end, POLLIN,
                     [&] { return ::read(end, bytes.data() + at, size - at); });
  }
  return bytes;
}

void give_sockets(native_handle end, std::span<const native_socket> sockets,
                  const os::Process&) {
  while (!sockets.empty()) {
    const auto some = sockets.first(std::min(sockets.size(), kPerMessage));
    when_ready(end, POLLOUT, [&] { return os::send_message(end, ".", some); });
    sockets = sockets.subspan(some.size());
  }
}

std::vector<os::Socket> take_sockets(native_handle end, std::size_t count) {
  std::vector<os::Socket> sockets;
  std::deque<os::Handle> came;
  bool truncated = false;
  char byte = 0;
  while (sockets.size() < count) {
    when_ready(end, POLLIN, [&] {
      return os::receive_message(end, {&byte, 1}, came, truncated);
    });
    if (truncated) throw std::runtime_error("descriptors were lost");
    for (auto& each : came) sockets.emplace_back(each.release());
    came.clear();
  }
  return sockets;
}

}  // namespace relaunch::bench
