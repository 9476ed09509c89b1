// Connections without any library around them, which block, but not for ever.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "common/base/address.hpp"
#include "common/os/handle.hpp"

namespace relaunch::test {

struct RawConnection {
  os::Socket server;
  os::Socket client;
};

/// What the system does with one call. Each throws Error.
os::Socket connect_raw(const Address& where);
os::Socket accept_raw(native_socket listener);
/// So many bytes of them were sent.
std::size_t send_some_raw(native_socket socket, std::string_view bytes);
/// Nothing at the end of the stream, or after 10 s.
std::string receive_some_raw(native_socket socket, std::size_t limit);

/// A connection on the loopback. Throws Error.
RawConnection make_raw_connection();

/// Throws Error.
void send_raw(native_socket socket, std::string_view bytes);
/// So many bytes, or what came before the end of the stream or a patience of
/// 10 s.
std::string receive_raw(native_socket socket, std::size_t size);

}  // namespace relaunch::test
