#include "control/raw_client.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <stdexcept>

namespace relaunch::test {

os::Handle open_raw(const std::string& address) {
  os::Handle end{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, address.data(), address.size());
  if (connect(end.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to)) {
    throw std::runtime_error("cannot connect to " + address);
  }
  return end;
}

bool is_closed_by_peer(native_handle end) {
  pollfd wait{end, POLLIN, 0};
  char bytes[4096];
  while (poll(&wait, 1, 20'000) == 1) {
    if (::read(end, bytes, sizeof bytes) <= 0) return true;
  }
  return false;
}

}  // namespace relaunch::test
