#include "relaunch/connection.hpp"

#include "common/os/handle.hpp"

namespace relaunch {

Connection::Connection(Connection&& other) noexcept
    : state(std::move(other.state)),
      unread(std::move(other.unread)),
      socket_(other.release()) {}

Connection& Connection::operator=(Connection&& other) noexcept {
  const os::Socket old{std::exchange(socket_, other.release())};
  state = std::move(other.state);
  unread = std::move(other.unread);
  return *this;
}

Connection::~Connection() { const os::Socket closed{release()}; }

}  // namespace relaunch
