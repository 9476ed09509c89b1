// A client that sends a stream which only it could have made, and knows what
// must come back at each position.
#pragma once

#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <random>
#include <string>

#include "common/base/address.hpp"

namespace relaunch::test {

/// Calls on the context's thread, unless said otherwise.
class StreamClient {
 public:
  StreamClient(boost::asio::io_context& io, const Address& where,
               std::uint64_t seed);

  /// From now on it sends, but does not read: everything between the two fills
  /// until nobody can write any more.
  void hold() { held_ = true; }
  void let_go();
  /// It sends no more, and waits for what is still to come, then for the end.
  void finish();

  /// When the context has run out of work.
  const std::string& failure() const { return failure_; }
  std::uint64_t sent() const { return sent_; }
  std::uint64_t received() const { return received_; }

 private:
  boost::asio::awaitable<void> send();
  boost::asio::awaitable<void> receive();
  char byte_at(std::uint64_t position) const;
  void check(const char* bytes, std::size_t size);
  void fail(std::string why);

  boost::asio::generic::stream_protocol::socket socket_;
  boost::asio::steady_timer held_until_;  ///< never expires
  const std::uint64_t seed_;
  std::minstd_rand random_;
  std::array<char, 32'768> outgoing_{};
  std::array<char, 32'768> incoming_{};
  std::uint64_t sent_ = 0;
  std::uint64_t received_ = 0;
  std::string failure_;
  bool held_ = false;
  bool enough_ = false;
};

}  // namespace relaunch::test
