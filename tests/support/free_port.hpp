#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <random>

namespace relaunch::test {

/// Whoever opens it anew opens the same one. Below those that the systems give
/// away by themselves, so that nobody gets it meanwhile.
inline std::uint16_t free_port() {
  using boost::asio::ip::tcp;
  boost::asio::io_context io;
  std::random_device random;
  std::uniform_int_distribution<unsigned> ports{20'000, 32'000};
  for (;;) {
    const auto port = static_cast<std::uint16_t>(ports(random));
    tcp::acceptor probe{io, tcp::v4()};
    boost::system::error_code taken;
    probe.bind({boost::asio::ip::address_v4::loopback(), port}, taken);
    if (!taken) return port;
  }
}

}  // namespace relaunch::test
