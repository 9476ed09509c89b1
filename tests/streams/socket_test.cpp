// Streams of relaunch/asio.hpp: whoever has the connection next can go on with
// it, whatever drove it before.
#include <gtest/gtest.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

#include "relaunch/asio.hpp"
#include "support/event_wait.hpp"
#include "support/raw_stream.hpp"
#include "support/system_facts.hpp"

namespace relaunch::test {
namespace {

namespace net = boost::asio;
using net::ip::tcp;

/// The client says something, and gets it back by the server's socket.
template <typename Socket>
void expect_echo(net::io_context& io, Socket& server, const os::Socket& client,
                 std::string_view text) {
  send_raw(client.get(), text);
  std::array<char, 100> bytes{};
  std::size_t size = 0;
  boost::system::error_code error;
  bool done = false;
  const auto write = [&](boost::system::error_code failure, std::size_t) {
    error = failure;
    done = true;
  };
  server.async_read_some(
      net::buffer(bytes),
      [&](boost::system::error_code failure, std::size_t moved) {
        error = failure;
        size = moved;
        if (failure) return void(done = true);
        server.async_write_some(net::buffer(bytes, moved), write);
      });
  ASSERT_TRUE(wait_until(io, [&] { return done; }));
  EXPECT_FALSE(error) << error.message();
  EXPECT_EQ(std::string_view(bytes.data(), size), text);
  EXPECT_EQ(receive_raw(client.get(), text.size()), text);
}

tcp::socket ordinary_socket(net::io_context& io, os::Socket& native) {
  tcp::socket socket(io);
  socket.assign(tcp::v4(), native.get());
  native.release();
  return socket;
}

class StreamTest : public ::testing::Test {
 protected:
  net::io_context first_;
  net::io_context second_;
  RawConnection raw_ = make_raw_connection();
};

TEST_F(StreamTest, GivesBackTheSocketItWasMadeOf) {
  asio::Stream stream(ordinary_socket(first_, raw_.server));
  expect_echo(first_, stream, raw_.client, "as a stream");
  boost::system::error_code failure;
  auto socket = asio::tcp_socket(stream, failure);
  ASSERT_TRUE(socket) << failure.message();
  EXPECT_FALSE(stream.is_open());
  expect_echo(first_, *socket, raw_.client, "as a socket");
}

// The other context stands for the next process: a tie to a completion port
// belongs to neither, but to the connection.
TEST_F(StreamTest, ThatWasHandedOverIsAnOrdinarySocketWhereTheSystemLetsIt) {
  asio::Stream stream(ordinary_socket(first_, raw_.server));
  expect_echo(first_, stream, raw_.client, "here");
  boost::system::error_code failure;
  {
    asio::detail::GivenStream given(std::move(stream));
    stream = asio::detail::adopt_stream(second_.get_executor(),
                                        given.take_socket(), failure);
    ASSERT_FALSE(failure) << failure.message();
  }
  expect_echo(second_, stream, raw_.client, "there");
  auto socket = asio::tcp_socket(stream, failure);
  std::printf("it is %s\n", socket ? "an ordinary socket" : "a stream only");
  RecordProperty("ordinary", socket.has_value());
  EXPECT_TRUE(socket || tied_sockets_stay_tied()) << failure.message();
  if (socket) {
    EXPECT_FALSE(stream.is_open());
    expect_echo(second_, *socket, raw_.client, "by a socket");
    stream = asio::Stream(std::move(*socket));
  }
  expect_echo(second_, stream, raw_.client, "by a stream");
}

TEST_F(StreamTest, ThatNobodyTookGoesOnWhereItWas) {
  asio::Stream stream(ordinary_socket(first_, raw_.server));
  asio::detail::GivenStream given(std::move(stream));
  const native_socket offered = given.take_socket();
  stream = given.restore(offered);
  expect_echo(first_, stream, raw_.client, "still here");
}

}  // namespace
}  // namespace relaunch::test
