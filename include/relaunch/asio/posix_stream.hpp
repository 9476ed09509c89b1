// The POSIX half of relaunch/asio.hpp: a stream that goes from one generation
// to the next, which is any stream socket of Asio.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>
#include <cerrno>
#include <utility>

#include "relaunch/native.hpp"

namespace relaunch::asio {

/// A tcp::socket or local::stream_protocol::socket moves into it. Its win32
/// twin is a class of its own with the same meaning.
using Stream = boost::asio::generic::stream_protocol::socket;

namespace detail {

inline boost::system::error_code last_socket_error() {
  return {errno, boost::system::system_category()};
}

/// Takes the socket over, unless it fails.
inline Stream adopt_stream(const boost::asio::any_io_executor& executor,
                           native_socket socket,
                           boost::system::error_code& failure) {
  Stream stream(executor);
  sockaddr_storage name{};
  socklen_t size = sizeof name;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&name), &size) != 0) {
    failure = last_socket_error();
    return stream;
  }
  const bool is_local = name.ss_family == AF_UNIX;
  stream.assign(boost::asio::generic::stream_protocol(
                    name.ss_family, is_local ? 0 : IPPROTO_TCP),
                socket, failure);
  return stream;
}

/// Unless it fails; the stream is as it was then.
inline void move_to_socket(Stream& stream, boost::asio::ip::tcp::socket& socket,
                           const boost::asio::ip::tcp& protocol,
                           boost::system::error_code& failure) {
  const native_socket native = stream.release(failure);
  if (failure) return;
  socket.assign(protocol, native, failure);
  if (!failure) return;
  boost::system::error_code lost;
  stream = adopt_stream(stream.get_executor(), native, lost);
  if (lost) ::close(native);
}

/// The socket of a stream that is to be handed over, and the way back.
class GivenStream {
 public:
  explicit GivenStream(Stream stream) : executor_(stream.get_executor()) {
    if (!stream.is_open()) return;
    boost::system::error_code failure;
    socket_ = stream.release(failure);
  }

  /// For the library, which owns it then.
  native_socket take_socket() { return std::exchange(socket_, kNoSocket); }
  /// The stream as it was, around the socket that the library gives back. It
  /// is closed if it cannot be had again.
  Stream restore(native_socket socket) const {
    boost::system::error_code failure;
    if (socket == kNoSocket) return Stream(executor_);
    return adopt_stream(executor_, socket, failure);
  }

 private:
  boost::asio::any_io_executor executor_;
  native_socket socket_ = kNoSocket;
};

}  // namespace detail
}  // namespace relaunch::asio
