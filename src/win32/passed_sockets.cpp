#include "common/os/passed_sockets.hpp"

namespace relaunch::os {

Result<std::vector<PassedSocket>> take_passed_sockets() {
  return std::vector<PassedSocket>{};
}

std::uint64_t identity_of(native_socket socket) { return socket; }

}  // namespace relaunch::os
