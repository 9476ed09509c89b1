// The Windows half of relaunch/asio.hpp: AcceptEx on a socket that never meets
// a completion port.
#pragma once

#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/windows/object_handle.hpp>
#include <boost/system/error_code.hpp>
#include <memory>
#include <utility>

// After Asio's headers, which bring winsock2.h before windows.h.
#include <winsock2.h>
#include <ws2tcpip.h>
// It needs the types of the two above.
#include <mswsock.h>

#include "relaunch/native.hpp"

namespace relaunch::asio::detail {

/// One accept at a time on a listening socket that other processes share; the
/// library owns the socket. Every call, and every handler, on `executor`,
/// which runs one thing at a time. Its POSIX twin has the same members.
///
/// Windows: a socket that was ever on a completion port cannot be used through
/// one by another process, and the binding outlives the process that made it:
/// no Asio acceptor may be put around the listener. Neither may WSAEventSelect,
/// whose registration the processes share, nor a poll followed by accept(),
/// which blocks in the process that loses the race. AcceptEx with an event is
/// what remains; Asio waits for the event.
template <typename Protocol>
class NativeAcceptor {
 public:
  using Peer = typename Protocol::socket;

  NativeAcceptor(boost::asio::any_io_executor executor, native_socket listener,
                 const Protocol& protocol)
      : accept_(std::make_shared<Accept>(std::move(executor), listener,
                                         protocol)) {}
  ~NativeAcceptor() { accept_->cancel(); }
  NativeAcceptor(const NativeAcceptor&) = delete;
  NativeAcceptor& operator=(const NativeAcceptor&) = delete;

  /// Accepts one connection. `handler(error_code, Peer)` comes exactly
  /// once and never from within this call; after cancel() with
  /// operation_aborted or with the connection that won the race. The socket
  /// runs on `peer_executor`. Not to be called again before that.
  template <typename Handler>
  void start(const boost::asio::any_io_executor& peer_executor,
             Handler handler) {
    accept_->cancelled = false;
    begin(accept_, peer_executor, std::move(handler));
  }

  /// Ends the accept that start() began; its handler still comes.
  void cancel() { accept_->cancel(); }

  /// Forgets the socket without closing it; start() takes it up again. Only
  /// when no accept is pending. Nothing is held between accepts here.
  void release() {}

 private:
  using error_code = boost::system::error_code;

  /// What the system writes to until the accept has ended.
  struct Block {
    static constexpr DWORD kAddressBytes = sizeof(sockaddr_storage) + 16;
    OVERLAPPED overlapped{};
    std::array<char, 2 * std::size_t{kAddressBytes}> addresses{};
  };

  struct Accept {
    Accept(boost::asio::any_io_executor executor, native_socket socket,
           const Protocol& kind)
        : listener(socket),
          protocol(kind),
          event(std::move(executor)),
          block(std::make_unique<Block>()) {}
    Accept(const Accept&) = delete;
    Accept& operator=(const Accept&) = delete;
    ~Accept() {
      if (pending && !settle()) {
        // Somebody has closed the listener under a pending accept, which only
        // its last handle in any process ends: the system may still write.
        static_cast<void>(block.release());
      }
      drop();
    }

    error_code prepare() {
      error_code failure;
      if (!event.is_open()) {
        const HANDLE made = ::CreateEventW(nullptr, TRUE, FALSE, nullptr);
        if (made == nullptr) return last_error();
        event.assign(made, failure);
        if (failure) ::CloseHandle(made);
      }
      if (!failure && accept_ex == nullptr) failure = find_accept_ex();
      if (failure) return failure;
      accepted = ::WSASocketW(protocol.family(), protocol.type(),
                              protocol.protocol(), nullptr, 0,
                              WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
      return accepted == INVALID_SOCKET ? last_error() : error_code();
    }

    // AcceptEx itself belongs to the provider of this very socket.
    error_code find_accept_ex() {
      GUID id = WSAID_ACCEPTEX;
      DWORD bytes = 0;
      const int failed = ::WSAIoctl(
          listener, SIO_GET_EXTENSION_FUNCTION_POINTER, &id, sizeof id,
          &accept_ex, sizeof accept_ex, &bytes, nullptr, nullptr);
      return failed != 0 ? last_error() : error_code();
    }

    error_code issue() {
      const HANDLE handle = event.native_handle();
      ::ResetEvent(handle);
      block->overlapped = OVERLAPPED{};
      // The low bit: should the listener be tied to a completion port after
      // all, no packet with a pointer of this process arrives there.
      // https://learn.microsoft.com/windows/win32/api/ioapiset/nf-ioapiset-getqueuedcompletionstatus
      block->overlapped.hEvent = reinterpret_cast<HANDLE>(
          reinterpret_cast<std::uintptr_t>(handle) | 1);
      DWORD bytes = 0;
      if (!accept_ex(listener, accepted, block->addresses.data(), 0,
                     Block::kAddressBytes, Block::kAddressBytes, &bytes,
                     &block->overlapped) &&
          ::WSAGetLastError() != ERROR_IO_PENDING) {
        return last_error();
      }
      pending = true;
      return {};
    }

    void cancel() {
      cancelled = true;
      if (!pending) return;
      ::CancelIoEx(reinterpret_cast<HANDLE>(listener), &block->overlapped);
    }

    // Ends the accept now; the system answers a cancellation at once.
    bool settle() {
      constexpr DWORD kPatienceMs = 1000;
      ::CancelIoEx(reinterpret_cast<HANDLE>(listener), &block->overlapped);
      return ::WaitForSingleObject(event.native_handle(), kPatienceMs) ==
             WAIT_OBJECT_0;
    }

    // The accept has ended: how?
    error_code reap() {
      pending = false;
      DWORD bytes = 0;
      DWORD flags = 0;
      if (!::WSAGetOverlappedResult(listener, &block->overlapped, &bytes, FALSE,
                                    &flags)) {
        return last_error();
      }
      // Without it the socket has no addresses and cannot be shut down.
      if (::setsockopt(accepted, SOL_SOCKET, SO_UPDATE_ACCEPT_CONTEXT,
                       reinterpret_cast<const char*>(&listener),
                       sizeof listener) != 0) {
        return last_error();
      }
      return {};
    }

    void drop() {
      const SOCKET old = std::exchange(accepted, INVALID_SOCKET);
      if (old != INVALID_SOCKET) ::closesocket(old);
    }

    static error_code last_error() {
      return {::WSAGetLastError(), boost::system::system_category()};
    }

    SOCKET listener;  // borrowed, never closed here
    Protocol protocol;
    boost::asio::windows::object_handle event;  // manual reset
    std::unique_ptr<Block> block;
    LPFN_ACCEPTEX accept_ex = nullptr;
    SOCKET accepted = INVALID_SOCKET;
    bool pending = false;
    bool cancelled = false;
  };

  template <typename Handler>
  static void begin(const std::shared_ptr<Accept>& accept,
                    const boost::asio::any_io_executor& peer_executor,
                    Handler handler) {
    error_code failure = accept->prepare();
    if (!failure) failure = accept->issue();
    if (failure) {
      accept->drop();
      boost::asio::post(accept->event.get_executor(),
                        [failure, peer = Peer(peer_executor),
                         handler = std::move(handler)]() mutable {
                          handler(failure, std::move(peer));
                        });
      return;
    }
    // The handler keeps alive what the system writes to.
    accept->event.async_wait(
        [accept, peer_executor,
         handler = std::move(handler)](error_code wait_failure) mutable {
          end(accept, peer_executor, std::move(handler), wait_failure);
        });
  }

  template <typename Handler>
  static void end(const std::shared_ptr<Accept>& accept,
                  const boost::asio::any_io_executor& peer_executor,
                  Handler handler, error_code wait_failure) {
    if (wait_failure) accept->settle();
    error_code failure = accept->reap();
    Peer peer(peer_executor);
    if (!failure) {
      peer.assign(accept->protocol, accept->accepted, failure);
      if (!failure) accept->accepted = INVALID_SOCKET;
    }
    accept->drop();
    if (!wait_failure && is_nobodys_fault(failure) && !accept->cancelled) {
      return begin(accept, peer_executor, std::move(handler));
    }
    handler(wait_failure && failure ? wait_failure : failure, std::move(peer));
  }

  /// The client gave up while it was queued; or the thread that issued the
  /// accept has ended, which ends it too where no completion port is involved.
  static bool is_nobodys_fault(const error_code& failure) {
    return failure == boost::asio::error::operation_aborted ||
           failure == boost::asio::error::connection_reset ||
           failure == boost::asio::error::connection_aborted ||
           failure.value() == ERROR_NETNAME_DELETED;
  }

  std::shared_ptr<Accept> accept_;
};

}  // namespace relaunch::asio::detail
