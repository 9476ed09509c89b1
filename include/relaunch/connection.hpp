// A live connection that goes from one generation to the next.
#pragma once

#include <string>
#include <utility>

#include "relaunch/export.hpp"
#include "relaunch/native.hpp"

namespace relaunch {

/// An established stream connection with what belongs to it. Owns the socket;
/// moves leave it empty. Not thread-safe.
class RELAUNCH_EXPORT Connection {
 public:
  /// Without a socket.
  Connection() noexcept = default;
  /// Takes the socket over.
  Connection(native_socket socket, std::string state_, std::string unread_)
      : state(std::move(state_)), unread(std::move(unread_)), socket_(socket) {}
  Connection(Connection&& other) noexcept;
  Connection& operator=(Connection&& other) noexcept;
  ~Connection();  ///< closes the socket

  /// kNoSocket if it has none.
  native_socket socket() const noexcept { return socket_; }
  /// The caller closes it from here on.
  native_socket release() noexcept { return std::exchange(socket_, kNoSocket); }

  /// What the application keeps of it: any bytes.
  std::string state;
  /// What was read from it and not consumed: the next bytes of its stream.
  std::string unread;

 private:
  native_socket socket_ = kNoSocket;
};

}  // namespace relaunch
