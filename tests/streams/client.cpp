#include "streams/client.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "common/base/text.hpp"

namespace relaunch::test {
namespace {

namespace net = boost::asio;
using Protocol = net::generic::stream_protocol;

constexpr auto kTuple = net::as_tuple(net::use_awaitable);

}  // namespace

StreamClient::StreamClient(net::io_context& io, const Address& where,
                           std::uint64_t seed)
    : socket_(io),
      held_until_(io, net::steady_timer::time_point::max()),
      seed_(seed),
      random_(static_cast<std::minstd_rand::result_type>(seed)) {
  const Protocol::endpoint server(where.native(), where.native_size());
  socket_.open(server.protocol());
  socket_.set_option(net::socket_base::send_buffer_size{16'384});
  socket_.set_option(net::socket_base::receive_buffer_size{16'384});
  if (server.protocol().family() != AF_UNIX) {
    socket_.set_option(net::ip::tcp::no_delay{true});
  }
  socket_.connect(server);
  net::co_spawn(io, send(), net::detached);
  net::co_spawn(io, receive(), net::detached);
}

void StreamClient::let_go() {
  held_ = false;
  held_until_.cancel();
}

void StreamClient::finish() {
  enough_ = true;
  let_go();
}

net::awaitable<void> StreamClient::send() {
  while (!enough_ && failure_.empty()) {
    const std::size_t size = 1 + random_() % outgoing_.size();
    for (std::size_t i = 0; i < size; ++i) outgoing_[i] = byte_at(sent_ + i);
    for (std::size_t at = 0; at < size && failure_.empty();) {
      const auto [error, moved] = co_await socket_.async_write_some(
          net::buffer(outgoing_.data() + at, size - at), kTuple);
      at += moved;
      sent_ += moved;
      if (error) fail("cannot send: " + error.message());
    }
  }
  boost::system::error_code ignored;
  socket_.shutdown(net::socket_base::shutdown_send, ignored);
}

net::awaitable<void> StreamClient::receive() {
  while (failure_.empty()) {
    while (held_) co_await held_until_.async_wait(kTuple);
    const auto [error, size] = co_await socket_.async_read_some(
        net::buffer(incoming_, 1 + random_() % incoming_.size()), kTuple);
    check(incoming_.data(), size);
    if (error == net::error::eof && enough_ && received_ == sent_) co_return;
    if (error) fail("cannot receive: " + error.message());
  }
}

// Any mixing function whose bytes do not repeat.
char StreamClient::byte_at(std::uint64_t position) const {
  std::uint64_t mixed = (seed_ << 40) + position / 8 + 1;
  mixed *= 0x9e3779b97f4a7c15;
  mixed ^= mixed >> 32;
  mixed *= 0xd6e8feb86659fd93;
  return static_cast<char>(mixed >> (8 * (position % 8)));
}

void StreamClient::check(const char* bytes, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) {
    if (bytes[i] != byte_at(received_ + i)) {
      return fail(text::cat("another byte at ", received_ + i));
    }
  }
  received_ += size;
}

void StreamClient::fail(std::string why) {
  if (!failure_.empty()) return;
  failure_ = text::cat(why, " (sent ", sent_, ", received ", received_, ")");
  boost::system::error_code ignored;
  socket_.close(ignored);
}

}  // namespace relaunch::test
