#include "support/raw_stream.hpp"

#include "common/os/listener.hpp"

namespace relaunch::test {

RawConnection make_raw_connection() {
  const auto asked = Address::parse("tcp://127.0.0.1:0").value();
  const os::Socket listener = os::open_listener(asked).value();
  RawConnection made;
  made.client = connect_raw(os::local_address(listener.get()).value());
  // It is in the queue: connect() has returned.
  made.server = accept_raw(listener.get());
  return made;
}

void send_raw(native_socket socket, std::string_view bytes) {
  while (!bytes.empty()) bytes.remove_prefix(send_some_raw(socket, bytes));
}

std::string receive_raw(native_socket socket, std::size_t size) {
  std::string bytes;
  while (bytes.size() < size) {
    const std::string piece = receive_some_raw(socket, size - bytes.size());
    if (piece.empty()) break;
    bytes += piece;
  }
  return bytes;
}

}  // namespace relaunch::test
