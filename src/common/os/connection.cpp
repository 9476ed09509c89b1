#include "common/os/connection.hpp"

#include "common/base/text.hpp"

namespace relaunch::os {

Result<void> check_connected(native_socket socket) {
  const auto refused = [](std::string_view why) {
    return Error{errc::invalid_argument,
                 text::cat("cannot hand a connection over: ", why)};
  };
  const SocketType type = socket_type(socket);
  if (type == SocketType::none) return refused("it is no socket");
  if (type != SocketType::stream) return refused("it is no stream socket");
  if (!has_peer(socket)) return refused("it is not connected");
  return {};
}

}  // namespace relaunch::os
