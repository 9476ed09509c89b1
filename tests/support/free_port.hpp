#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>

namespace relaunch::test {

/// Whoever opens it anew opens the same one.
inline std::uint16_t free_port() {
  boost::asio::io_context io;
  using boost::asio::ip::tcp;
  const tcp::acceptor any{io, {boost::asio::ip::address_v4::loopback(), 0}};
  return any.local_endpoint().port();
}

}  // namespace relaunch::test
