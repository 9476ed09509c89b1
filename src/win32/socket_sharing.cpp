#include "common/os/socket_sharing.hpp"

#include "common/base/text.hpp"
#include "common/os/listener.hpp"
#include "win32/win32.hpp"

namespace relaunch::os {

Result<void> can_share_sockets() { return start_sockets(); }

Result<std::string> share_socket(native_socket socket,
                                 const Process& receiver) {
  WSAPROTOCOL_INFOW info{};
  if (receiver.gone()) {
    return Error{std::make_error_code(std::errc::no_such_process),
                 text::cat("cannot give a socket to process ", receiver.id())};
  }
  if (WSADuplicateSocketW(socket, receiver.id(), &info) != 0) {
    const std::error_code code = last_socket_error();
    return Error{code, text::cat("cannot give a socket to process ",
                                 receiver.id(), ": WSADuplicateSocketW")};
  }
  return std::string{reinterpret_cast<const char*>(&info), sizeof info};
}

}  // namespace relaunch::os
