// The Windows half of relaunch/asio.hpp: a stream that goes from one generation
// to the next, driven without a completion port.
#pragma once

#include <algorithm>
#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

// After Asio's headers, which bring winsock2.h before windows.h.
#include <winsock2.h>

#include "relaunch/native.hpp"

namespace relaunch::asio {

class Stream;

namespace detail {

class GivenStream;
void move_to_socket(Stream& stream, boost::asio::ip::tcp::socket& socket,
                    const boost::asio::ip::tcp& protocol,
                    boost::system::error_code& failure);

/// As Asio translates them.
inline boost::system::error_code last_socket_error() {
  const int code = ::WSAGetLastError();
  if (code == ERROR_NETNAME_DELETED) {
    return boost::asio::error::connection_reset;
  }
  if (code == ERROR_PORT_UNREACHABLE) {
    return boost::asio::error::connection_refused;
  }
  return {code, boost::system::system_category()};
}

/// One direction of a stream: what the system writes to until a call has ended.
/// Windows: the low bit of the event keeps the call away from the completion
/// port to which its socket may be tied, in this process or in another.
/// https://learn.microsoft.com/windows/win32/api/ioapiset/nf-ioapiset-getqueuedcompletionstatus
///
/// One wait serves all calls, in the system's own waiting thread: a wait for
/// each would need a thread of the pool for each that ends.
class StreamCall {
 public:
  static constexpr std::size_t kMaxBuffers = 16;

  explicit StreamCall(boost::asio::any_io_executor executor)
      : executor_(std::move(executor)), overlapped_(new OVERLAPPED{}) {}
  StreamCall(const StreamCall&) = delete;
  StreamCall& operator=(const StreamCall&) = delete;
  ~StreamCall() {
    stop_watching();
    if (event_ != nullptr) ::CloseHandle(event_);
  }

  /// Before each call.
  boost::system::error_code prepare() {
    refused_ = {};
    if (watch_ == nullptr && !start_watching()) {
      return {static_cast<int>(::GetLastError()),
              boost::system::system_category()};
    }
    *overlapped_ = OVERLAPPED{};
    overlapped_->hEvent =
        reinterpret_cast<HANDLE>(reinterpret_cast<std::uintptr_t>(event_) | 1);
    return {};
  }

  /// Hands the call to the system: `issue(OVERLAPPED*)` says why it does not
  /// take it. `ended` once, by the executor, and only then may reap() be
  /// called. The context owns it meanwhile, and may destroy it.
  template <typename Issue, typename Ended>
  void begin(Issue issue, Ended ended) {
    pending = true;
    // A call may have ended before its function returns.
    ending_ = std::make_shared<boost::asio::steady_timer>(
        executor_, boost::asio::steady_timer::time_point::max());
    ending_->async_wait(std::move(ended));
    if (const boost::system::error_code refused = issue(overlapped_.get())) {
      pending = false;
      refused_ = refused;
      ending_.reset();
    }
  }

  void cancel(SOCKET socket) {
    cancelled = true;
    if (pending) {
      ::CancelIoEx(reinterpret_cast<HANDLE>(socket), overlapped_.get());
    }
  }

  /// How the call ended.
  boost::system::error_code reap(SOCKET socket, std::size_t& bytes) {
    bytes = 0;
    if (refused_) return refused_;
    pending = false;
    DWORD moved = 0;
    DWORD flags = 0;
    const bool fine = ::WSAGetOverlappedResult(socket, overlapped_.get(),
                                               &moved, FALSE, &flags) != 0;
    bytes = moved;
    return fine ? boost::system::error_code() : last_socket_error();
  }

  /// Nobody will reap it: it must not write to memory that is gone.
  void abandon(SOCKET socket) {
    constexpr DWORD kPatienceMs = 1000;
    if (!pending) return;
    stop_watching();
    cancel(socket);
    pending = false;
    if (!HasOverlappedIoCompleted(overlapped_.get()) &&
        ::WaitForSingleObject(event_, kPatienceMs) != WAIT_OBJECT_0) {
      static_cast<void>(overlapped_.release());  // the system may still write
      overlapped_.reset(new OVERLAPPED{});
    }
  }

  std::uint64_t number = 0;  ///< of the call that was begun last
  bool pending = false;
  bool cancelled = false;

 private:
  bool start_watching() {
    if (event_ == nullptr) {
      event_ = ::CreateEventW(nullptr, FALSE, FALSE, nullptr);
    }
    // The callback posts and does nothing else: short enough for that thread.
    // https://learn.microsoft.com/windows/win32/api/winbase/nf-winbase-registerwaitforsingleobject
    return event_ != nullptr &&
           ::RegisterWaitForSingleObject(&watch_, event_, &signalled, this,
                                         INFINITE, WT_EXECUTEINWAITTHREAD) != 0;
  }
  /// The callback does not run afterwards.
  void stop_watching() {
    const HANDLE watch = std::exchange(watch_, nullptr);
    if (watch != nullptr) ::UnregisterWaitEx(watch, INVALID_HANDLE_VALUE);
  }
  static void CALLBACK signalled(void* self, BOOLEAN) noexcept {
    auto& call = *static_cast<StreamCall*>(self);
    boost::asio::post(
        call.executor_,
        [ending = std::move(call.ending_)]() mutable { ending.reset(); });
  }

  boost::asio::any_io_executor executor_;
  std::unique_ptr<OVERLAPPED> overlapped_;
  HANDLE event_ = nullptr;  ///< auto reset
  HANDLE watch_ = nullptr;
  /// Never expires. Its end is the end of the call, so that who waits belongs
  /// to the context, like all that Asio runs.
  std::shared_ptr<boost::asio::steady_timer> ending_;
  boost::system::error_code refused_;
};

/// What a Stream and its pending calls share.
struct StreamState {
  StreamState(const boost::asio::any_io_executor& executor_, SOCKET socket_)
      : executor(executor_),
        socket(socket_),
        read(executor_),
        write(executor_) {}
  StreamState(const StreamState&) = delete;
  StreamState& operator=(const StreamState&) = delete;
  ~StreamState() { close(); }

  void cancel() {
    read.cancel(socket);
    write.cancel(socket);
  }
  void close() {
    cancel();
    const SOCKET old = std::exchange(socket, INVALID_SOCKET);
    if (owner) {
      boost::system::error_code ignored;
      owner->close(ignored);
      owner.reset();
    } else if (old != INVALID_SOCKET) {
      ::closesocket(old);
    }
  }

  bool is_open() const { return socket != INVALID_SOCKET; }

  boost::asio::any_io_executor executor;
  SOCKET socket;
  /// Asio's own socket, which is on a completion port.
  std::optional<boost::asio::ip::tcp::socket> owner;
  StreamCall read;
  StreamCall write;
};

/// Ends a call whose handler is destroyed without being called, before that
/// handler's buffers are.
class CallGuard {
 public:
  CallGuard(std::shared_ptr<StreamState> state, StreamCall StreamState::*call)
      : state_(std::move(state)), call_(call) {}
  CallGuard(CallGuard&&) = default;
  CallGuard& operator=(CallGuard&&) = delete;
  ~CallGuard() {
    if (state_) ((*state_).*call_).abandon(state_->socket);
  }
  /// It has ended: there is nothing to guard.
  std::shared_ptr<StreamState> dismiss() { return std::move(state_); }

 private:
  std::shared_ptr<StreamState> state_;
  StreamCall StreamState::*call_;
};

}  // namespace detail

/// A connected socket, whether or not it was ever on a completion port, of this
/// process or of an earlier one. Models AsyncReadStream and AsyncWriteStream;
/// its POSIX twin is a socket of Asio. One read and one write at a time; not
/// thread-safe. A write that has begun must have ended before the stream is
/// handed over: how much of one that is cancelled was sent is not known.
class Stream {
 public:
  using executor_type = boost::asio::any_io_executor;
  using lowest_layer_type = Stream;
  using native_handle_type = SOCKET;
  using shutdown_type = boost::asio::socket_base::shutdown_type;

  explicit Stream(const executor_type& executor)
      : state_(
            std::make_shared<detail::StreamState>(executor, INVALID_SOCKET)) {}
  /// Takes the socket over.
  Stream(const executor_type& executor, native_socket socket)
      : state_(std::make_shared<detail::StreamState>(executor, socket)) {}
  // As a socket of another protocol moves into Asio's generic one.
  // NOLINTNEXTLINE(google-explicit-constructor)
  Stream(boost::asio::ip::tcp::socket socket)
      : Stream(socket.get_executor(), socket.native_handle()) {
    if (socket.is_open()) state_->owner.emplace(std::move(socket));
  }
  /// The other is closed then. Out of memory ends the program.
  Stream(Stream&& other) noexcept
      : state_(std::exchange(other.state_, closed(other.get_executor()))) {}
  Stream& operator=(Stream&& other) noexcept {
    if (this == &other) return *this;
    state_->close();
    state_ = std::exchange(other.state_, closed(other.get_executor()));
    return *this;
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() { state_->close(); }

  executor_type get_executor() const { return state_->executor; }
  Stream& lowest_layer() { return *this; }
  SOCKET native_handle() const { return state_->socket; }
  bool is_open() const { return state_->is_open(); }

  /// What is pending ends with operation_aborted, or with what it has got.
  void cancel() { state_->cancel(); }
  void cancel(boost::system::error_code& failure) {
    failure = {};
    cancel();
  }
  void close() { state_->close(); }
  void close(boost::system::error_code& failure) {
    failure = {};
    close();
  }
  void shutdown(shutdown_type what, boost::system::error_code& failure) {
    failure = {};
    if (::shutdown(state_->socket, static_cast<int>(what)) != 0) {
      failure = detail::last_socket_error();
    }
  }

  template <typename Buffers, typename Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return start(&detail::StreamState::read, buffers,
                 std::forward<Token>(token));
  }
  template <typename Buffers, typename Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return start(&detail::StreamState::write, buffers,
                 std::forward<Token>(token));
  }

 private:
  friend class detail::GivenStream;
  friend void detail::move_to_socket(Stream& stream,
                                     boost::asio::ip::tcp::socket& socket,
                                     const boost::asio::ip::tcp& protocol,
                                     boost::system::error_code& failure);

  using error_code = boost::system::error_code;
  using Signature = void(error_code, std::size_t);
  using State = detail::StreamState;
  using Call = detail::StreamCall;

  static std::shared_ptr<State> closed(const executor_type& executor) {
    return std::make_shared<State>(executor, INVALID_SOCKET);
  }

  /// The user's buffers as the system wants them.
  struct Pieces {
    std::array<WSABUF, Call::kMaxBuffers> all{};
    DWORD count = 0;
    std::size_t bytes = 0;

    template <typename Buffers>
    explicit Pieces(const Buffers& buffers) {
      constexpr std::size_t kMaxPiece = std::size_t{1} << 20;
      const auto end = boost::asio::buffer_sequence_end(buffers);
      for (auto at = boost::asio::buffer_sequence_begin(buffers);
           at != end && count < all.size(); ++at) {
        add(*at, kMaxPiece);
      }
    }
    void add(boost::asio::const_buffer piece, std::size_t limit) {
      if (piece.size() == 0) return;
      const std::size_t size = std::min(piece.size(), limit);
      // The system only writes to what was mutable.
      all[count++] = {
          static_cast<ULONG>(size),
          const_cast<char*>(static_cast<const char*>(piece.data()))};
      bytes += size;
    }
  };

  template <typename Buffers, typename Token>
  auto start(Call State::*call, const Buffers& buffers, Token&& token) {
    return boost::asio::async_initiate<Token, Signature>(
        [state = state_, call, pieces = Pieces(buffers)](auto handler) {
          ++((*state).*call).number;
          ((*state).*call).cancelled = false;
          cancel_by_slot(state, call, handler);
          issue(state, call, pieces, std::move(handler));
        },
        token);
  }

  template <typename Handler>
  static void cancel_by_slot(const std::shared_ptr<State>& state,
                             Call State::*call, const Handler& handler) {
    auto slot = boost::asio::get_associated_cancellation_slot(handler);
    if (!slot.is_connected()) return;
    // What is left of an earlier call in a slot must not end a later one.
    slot.assign(
        [weak = std::weak_ptr(state), call,
         mine = ((*state).*call).number](boost::asio::cancellation_type) {
          const auto locked = weak.lock();
          if (locked && ((*locked).*call).number == mine) {
            ((*locked).*call).cancel(locked->socket);
          }
        });
  }

  template <typename Handler>
  static void issue(const std::shared_ptr<State>& state, Call State::*call,
                    const Pieces& pieces, Handler handler) {
    Call& mine = (*state).*call;
    const auto where =
        boost::asio::get_associated_executor(handler, state->executor);
    error_code failure;
    if (!state->is_open()) {
      failure = boost::asio::error::bad_descriptor;
    } else if (pieces.bytes > 0) {
      failure = mine.prepare();
    }
    if (failure || pieces.bytes == 0) {
      return boost::asio::post(
          where, [failure, handler = std::move(handler)]() mutable {
            std::move(handler)(failure, 0);
          });
    }
    mine.begin(
        [socket = state->socket, reads = call == &State::read,
         pieces](OVERLAPPED* overlapped) {
          return hand_to_system(socket, reads, pieces, overlapped);
        },
        boost::asio::bind_executor(
            where,
            [handler = std::move(handler), pieces,
             guard = detail::CallGuard(state, call), call](error_code) mutable {
              end(std::move(guard), call, pieces, std::move(handler));
            }));
  }

  static error_code hand_to_system(SOCKET socket, bool reads, Pieces pieces,
                                   OVERLAPPED* overlapped) {
    DWORD flags = 0;
    const int failed = reads
                           ? ::WSARecv(socket, pieces.all.data(), pieces.count,
                                       nullptr, &flags, overlapped, nullptr)
                           : ::WSASend(socket, pieces.all.data(), pieces.count,
                                       nullptr, 0, overlapped, nullptr);
    if (failed == 0 || ::WSAGetLastError() == WSA_IO_PENDING) return {};
    return detail::last_socket_error();
  }

  template <typename Handler>
  static void end(detail::CallGuard guard, Call State::*call,
                  const Pieces& pieces, Handler handler) {
    const auto state = guard.dismiss();
    Call& mine = (*state).*call;
    std::size_t bytes = 0;
    error_code failure = mine.reap(state->socket, bytes);
    if (!state->is_open()) failure = boost::asio::error::operation_aborted;
    const bool reads = call == &State::read;
    // A read ends too when the thread that issued it does.
    if (reads && failure == boost::asio::error::operation_aborted &&
        !mine.cancelled) {
      return issue(state, call, pieces, std::move(handler));
    }
    if (reads && !failure && bytes == 0) failure = boost::asio::error::eof;
    std::move(handler)(failure, bytes);
  }

  /// Has the system dissolve the tie to this process's completion port, where
  /// it can. Nothing is pending.
  void untie() {
    if (!state_->owner) return;
    error_code cannot;
    const SOCKET socket = state_->owner->release(cannot);
    if (cannot) return;
    state_->owner.reset();
    state_->socket = socket;
  }

  std::shared_ptr<State> state_;
};

namespace detail {

/// Takes the socket over, unless it fails.
inline Stream adopt_stream(const boost::asio::any_io_executor& executor,
                           native_socket socket,
                           boost::system::error_code& failure) {
  failure = {};
  return Stream(executor, socket);
}

/// Unless it fails; the stream is as it was then.
inline void move_to_socket(Stream& stream, boost::asio::ip::tcp::socket& socket,
                           const boost::asio::ip::tcp& protocol,
                           boost::system::error_code& failure) {
  StreamState& state = *stream.state_;
  if (state.owner) {
    socket = std::move(*state.owner);
    state.owner.reset();
  } else {
    socket.assign(protocol, state.socket, failure);
  }
  if (!failure) state.socket = INVALID_SOCKET;
}

/// The socket of a stream that is to be handed over, and the way back.
///
/// Where the system can (Windows 8.1 and later, not Wine), it is taken off this
/// process's completion port, as Asio's release() does, so that the receiver
/// may put it on its own; it stays off when it comes back. The library gets a
/// second handle, since Asio does not let go of its own elsewhere.
/// https://learn.microsoft.com/windows-hardware/drivers/ddi/ntifs/ns-ntifs-_file_completion_information
class GivenStream {
 public:
  explicit GivenStream(Stream stream) : stream_(std::move(stream)) {}

  /// For the library, which owns it then.
  native_socket take_socket() {
    stream_.untie();
    WSAPROTOCOL_INFOW info{};
    if (::WSADuplicateSocketW(stream_.native_handle(), ::GetCurrentProcessId(),
                              &info) != 0) {
      return kNoSocket;
    }
    return ::WSASocketW(FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO,
                        FROM_PROTOCOL_INFO, &info, 0,
                        WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
  }
  /// The stream as it was, in place of the socket that the library gives back.
  Stream restore(native_socket socket) {
    if (socket != kNoSocket) ::closesocket(socket);
    return std::move(stream_);
  }

 private:
  Stream stream_;
};

}  // namespace detail
}  // namespace relaunch::asio
