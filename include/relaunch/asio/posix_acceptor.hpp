// The POSIX half of relaunch/asio.hpp: an Asio acceptor that is let go of
// whenever it is not needed.
#pragma once

#include <fcntl.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>
#include <utility>

#include "relaunch/native.hpp"

namespace relaunch::asio::detail {

/// One accept at a time on a listening socket that other processes share; the
/// library owns the socket. Every call, and every handler, on `executor`,
/// which runs one thing at a time. Its win32 twin has the same members.
///
/// POSIX: the socket's status flags belong to all who share it. Asio turns on
/// non-blocking mode, which the library has done already, and nothing else.
template <typename Protocol>
class NativeAcceptor {
 public:
  using Peer = typename Protocol::socket;

  NativeAcceptor(const boost::asio::any_io_executor& executor,
                 native_socket listener, const Protocol& protocol)
      : listener_(listener), protocol_(protocol), acceptor_(executor) {}
  ~NativeAcceptor() { release(); }
  NativeAcceptor(const NativeAcceptor&) = delete;
  NativeAcceptor& operator=(const NativeAcceptor&) = delete;

  /// Accepts one connection. `handler(error_code, Peer)` comes exactly
  /// once and never from within this call; after cancel() with
  /// operation_aborted or with the connection that won the race. The socket
  /// runs on `peer_executor`. Not to be called again before that.
  template <typename Handler>
  void start(const boost::asio::any_io_executor& peer_executor,
             Handler handler) {
    boost::system::error_code failure;
    if (!acceptor_.is_open()) acceptor_.assign(protocol_, listener_, failure);
    if (failure) {
      boost::asio::post(acceptor_.get_executor(),
                        [failure, peer = Peer(peer_executor),
                         handler = std::move(handler)]() mutable {
                          handler(failure, std::move(peer));
                        });
      return;
    }
    acceptor_.async_accept(
        peer_executor, [handler = std::move(handler)](
                           boost::system::error_code error, Peer peer) mutable {
          // Asio leaves this out, and the host may start programs of its own.
          if (!error) ::fcntl(peer.native_handle(), F_SETFD, FD_CLOEXEC);
          handler(error, std::move(peer));
        });
  }

  /// Ends the accept that start() began; its handler still comes.
  void cancel() {
    boost::system::error_code ignored;
    acceptor_.cancel(ignored);
  }

  /// Forgets the socket without closing it; start() takes it up again. Only
  /// when no accept is pending. Merely to cancel would leave this process
  /// woken by every connection that another one accepts.
  void release() {
    if (!acceptor_.is_open()) return;
    boost::system::error_code ignored;
    acceptor_.release(ignored);
  }

 private:
  native_socket listener_;
  Protocol protocol_;
  boost::asio::basic_socket_acceptor<Protocol> acceptor_;
};

}  // namespace relaunch::asio::detail
