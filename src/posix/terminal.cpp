#include "common/os/terminal.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/os/system.hpp"
#include "posix/posix.hpp"

namespace relaunch::os {
namespace {

constexpr unsigned kUsualWidth = 80;

int number_of(Stream stream) {
  return stream == Stream::output ? STDOUT_FILENO : STDERR_FILENO;
}

}  // namespace

std::optional<unsigned> terminal_width(Stream stream) {
  const int file = number_of(stream);
  const auto kind = environment_variable("TERM");
  if (!::isatty(file) || !kind || kind->empty() || *kind == "dumb") {
    return std::nullopt;
  }
  winsize size{};
  if (::ioctl(file, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
    return kUsualWidth;  // a serial line does not know
  }
  return size.ws_col;
}

Result<void> write_stream(Stream stream, std::string_view bytes) {
  const int file = number_of(stream);
  while (!bytes.empty()) {
    const ssize_t sent = uninterrupted(
        [&] { return ::write(file, bytes.data(), bytes.size()); });
    // Whoever shares the stream may have made it non-blocking.
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      pollfd room{file, POLLOUT, 0};
      if (uninterrupted([&] { return ::poll(&room, 1, -1); }) > 0) continue;
    }
    if (sent < 0 && errno == EAGAIN) {
      // Somebody else made the open file non-blocking.
      pollfd room{file, POLLOUT, 0};
      uninterrupted([&] { return ::poll(&room, 1, -1); });
      continue;
    }
    if (sent < 0) return Error{last_error(), "cannot write the output: write"};
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

void outlive_broken_streams() { ::signal(SIGPIPE, SIG_IGN); }

}  // namespace relaunch::os
