// Boost.Asio servers: an acceptor that comes and goes with the right to
// accept, and an executor for the library's callbacks. Header-only.
#pragma once

#include <algorithm>
#include <atomic>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/system/error_code.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "relaunch/listener.hpp"
#include "relaunch/upgrader.hpp"

#include RELAUNCH_ASIO_ACCEPTOR
#include RELAUNCH_ASIO_STREAM

namespace relaunch::asio {

/// For Options::executor: callbacks run on this executor. It only posts: it
/// does not keep an io_context running, and the context must outlive the
/// Upgrader.
inline Executor executor(boost::asio::any_io_executor where) {
  return [where = std::move(where)](std::function<void()> work) {
    boost::asio::post(where, std::move(work));
  };
}
inline Executor executor(boost::asio::io_context& io) {
  return executor(boost::asio::any_io_executor(io.get_executor()));
}

namespace detail {

template <typename Protocol>
using AcceptSignature = void(boost::system::error_code,
                             typename Protocol::socket);

/// The protocol at an address of a listener; nothing: it is of another kind.
inline std::optional<boost::asio::ip::tcp> protocol_at(
    std::string_view address, std::type_identity<boost::asio::ip::tcp>) {
  using boost::asio::ip::tcp;
  if (!address.starts_with("tcp://")) return std::nullopt;
  return address.starts_with("tcp://[") ? tcp::v6() : tcp::v4();
}
inline std::optional<boost::asio::local::stream_protocol> protocol_at(
    std::string_view address,
    std::type_identity<boost::asio::local::stream_protocol>) {
  if (!address.starts_with("unix://") &&
      !address.starts_with("unix-abstract://")) {
    return std::nullopt;
  }
  return boost::asio::local::stream_protocol();
}

template <typename Protocol>
Protocol protocol_of(const Listener& listener) {
  const auto found =
      protocol_at(listener.address(), std::type_identity<Protocol>());
  if (found) return *found;
  throw Error{errc::invalid_argument, "cannot accept on " + listener.address() +
                                          ": it takes another acceptor"};
}

/// What a BasicAcceptor and the hooks that it gave the library share.
/// Everything but enqueue() and the hooks runs on the strand.
template <typename Protocol>
class AcceptState : public std::enable_shared_from_this<AcceptState<Protocol>> {
 public:
  using Peer = typename Protocol::socket;
  using Handler =
      boost::asio::any_completion_handler<AcceptSignature<Protocol>>;
  using Done = std::function<void()>;

  AcceptState(boost::asio::any_io_executor peers, native_socket listener,
              const Protocol& protocol)
      : peers_(std::move(peers)),
        strand_(boost::asio::make_strand(peers_)),
        native_(strand_, listener, protocol) {}

  const boost::asio::any_io_executor& peers() const { return peers_; }

  AcceptHooks hooks() {
    const auto self = this->shared_from_this();
    return {.resume =
                [self] {
                  boost::asio::post(self->strand_, [self] { self->resume(); });
                },
            .pause =
                [self](Done done) {
                  self->stop_later(Mode::paused, std::move(done));
                },
            .close =
                [self](Done done) {
                  self->stop_later(Mode::closed, std::move(done));
                }};
  }

  void enqueue(Handler handler) {
    const std::uint64_t id = next_id_.fetch_add(1);
    auto slot = boost::asio::get_associated_cancellation_slot(handler);
    if (slot.is_connected()) {
      // A stale slot meets a number that is gone, or a state that is.
      slot.assign([weak = this->weak_from_this(),
                   id](boost::asio::cancellation_type) {
        const auto self = weak.lock();
        if (!self) return;
        boost::asio::post(self->strand_, [self, id] { self->withdraw(id); });
      });
    }
    boost::asio::post(
        strand_, [self = this->shared_from_this(),
                  waiting = Waiting(id, std::move(handler), peers_)]() mutable {
          self->waiting_.push_back(std::move(waiting));
          self->go_on();
        });
  }

  /// No accept is pending, the socket is let go of, and handlers that wait
  /// have been told to go. Any thread; `done` may be empty.
  void close_later(Done done) { stop_later(Mode::closed, std::move(done)); }

 private:
  enum class Mode { paused, accepting, closed };

  /// A handler that waits for a connection, and keeps both its own context and
  /// the acceptor's from running out of work, also while paused.
  struct Waiting {
    using Work =
        boost::asio::executor_work_guard<boost::asio::associated_executor_t<
            Handler, boost::asio::any_io_executor>>;
    using PeerWork =
        boost::asio::executor_work_guard<boost::asio::any_io_executor>;

    Waiting(std::uint64_t number, Handler handler_,
            const boost::asio::any_io_executor& peers)
        : id(number),
          work(boost::asio::get_associated_executor(handler_, peers)),
          peer_work(peers),
          handler(std::move(handler_)) {}

    std::uint64_t id;
    Work work;
    PeerWork peer_work;
    Handler handler;
  };

  void resume() {
    if (mode_ == Mode::closed) return;
    mode_ = Mode::accepting;
    go_on();
  }

  void stop_later(Mode mode, Done done) {
    if (settled_.load() == Mode::closed) {
      // Nothing is left to do, and perhaps nothing runs any more.
      if (done) done();
      return;
    }
    boost::asio::post(strand_, [self = this->shared_from_this(), mode,
                                done = std::move(done)]() mutable {
      self->stop(mode, std::move(done));
    });
  }

  void stop(Mode mode, Done done) {
    if (mode_ != Mode::closed) mode_ = mode;
    if (done) stopping_.push_back(std::move(done));
    if (pending_) {
      native_.cancel();
    } else {
      go_on();
    }
  }

  /// The pending accept below has ended, one way or the other.
  void reaped(boost::system::error_code error, Peer peer) {
    pending_ = false;
    if (!error) {
      // A connection that won the race against a cancel is served like any
      // other: nobody else has it.
      taken_.push_back(std::move(peer));
    } else if (error != boost::asio::error::operation_aborted &&
               !waiting_.empty()) {
      complete_first(error, std::move(peer));
    }
    go_on();
  }

  void go_on() {
    while (!taken_.empty() && !waiting_.empty()) {
      auto peer = std::move(taken_.front());
      taken_.pop_front();
      complete_first({}, std::move(peer));
    }
    if (pending_) return;
    if (mode_ != Mode::accepting) native_.release();
    if (mode_ == Mode::closed) {
      settled_.store(Mode::closed);
      while (!waiting_.empty()) complete_first(aborted(), empty_peer());
    }
    for (auto& done : std::exchange(stopping_, {})) done();
    if (mode_ != Mode::accepting || waiting_.empty()) return;
    pending_ = true;
    native_.start(peers_, [self = this->shared_from_this()](
                              boost::system::error_code error, Peer peer) {
      self->reaped(error, std::move(peer));
    });
  }

  void withdraw(std::uint64_t id) {
    const auto found =
        std::find_if(waiting_.begin(), waiting_.end(),
                     [id](const Waiting& waiting) { return waiting.id == id; });
    if (found == waiting_.end()) return;
    auto waiting = std::move(*found);
    waiting_.erase(found);
    complete(std::move(waiting), aborted(), empty_peer());
    if (waiting_.empty() && pending_) native_.cancel();
  }

  void complete_first(boost::system::error_code error, Peer peer) {
    auto waiting = std::move(waiting_.front());
    waiting_.pop_front();
    complete(std::move(waiting), error, std::move(peer));
  }

  /// By way of `peers_`, so that no handler ever runs inside the strand.
  void complete(Waiting waiting, boost::system::error_code error, Peer peer) {
    boost::asio::post(peers_, [waiting = std::move(waiting), error,
                               peer = std::move(peer)]() mutable {
      const auto where = waiting.work.get_executor();
      boost::asio::dispatch(where, [handler = std::move(waiting.handler), error,
                                    peer = std::move(peer)]() mutable {
        std::move(handler)(error, std::move(peer));
      });
    });
  }

  static boost::system::error_code aborted() {
    return boost::asio::error::operation_aborted;
  }
  Peer empty_peer() const { return Peer(peers_); }

  const boost::asio::any_io_executor peers_;
  const boost::asio::strand<boost::asio::any_io_executor> strand_;
  NativeAcceptor<Protocol> native_;
  Mode mode_ = Mode::paused;  // until the library says resume
  bool pending_ = false;      // an accept is outstanding below
  std::list<Waiting> waiting_;
  /// Connections that won against a cancel when nobody waited.
  std::deque<Peer> taken_;
  std::vector<Done> stopping_;
  std::atomic<std::uint64_t> next_id_{1};
  /// `closed` once nothing of this state touches the socket any more.
  std::atomic<Mode> settled_{Mode::paused};
};

}  // namespace detail

/// Accepts on a Listener while this generation has the turn.
///
/// It follows pause, resume and close by itself: while paused, accepts stay
/// pending and keep the io_context running; when this generation has given up
/// the listener for good they end with operation_aborted, so that io.run()
/// returns when what was accepted is finished.
///
/// Any executor will do, also one with many threads: the acceptor has its own
/// strand. It must be gone before the Upgrader, and its context must outlive
/// both. Destroying it ends pending accepts with operation_aborted.
template <typename Protocol>
class BasicAcceptor {
 public:
  using executor_type = boost::asio::any_io_executor;
  using protocol_type = Protocol;

  /// Throws Error: the listener has an acceptor already, or is of another kind.
  BasicAcceptor(boost::asio::any_io_executor executor, const Listener& listener)
      : state_(std::make_shared<detail::AcceptState<Protocol>>(
            std::move(executor), listener.native_handle(),
            detail::protocol_of<Protocol>(listener))) {
    listener.attach(state_->hooks());
  }
  BasicAcceptor(boost::asio::io_context& io, const Listener& listener)
      : BasicAcceptor(executor_type(io.get_executor()), listener) {}
  // Out of memory ends the program here.
  // NOLINTNEXTLINE(bugprone-exception-escape)
  ~BasicAcceptor() { state_->close_later({}); }
  BasicAcceptor(const BasicAcceptor&) = delete;
  BasicAcceptor& operator=(const BasicAcceptor&) = delete;

  /// Where accepted sockets run.
  executor_type get_executor() const { return state_->peers(); }

  /// The next connection: void(error_code, Protocol::socket). Several may wait;
  /// they are served in order. Per-operation cancellation: total.
  ///
  /// Completes with
  /// - no error: an ordinary socket.
  /// - operation_aborted: this generation accepts no more, or cancelled.
  /// - any other error: of this accept alone (too many open files); wait a
  ///   moment, then go on.
  template <boost::asio::completion_token_for<detail::AcceptSignature<Protocol>>
                Token>
  auto async_accept(Token&& token) {
    return boost::asio::async_initiate<Token,
                                       detail::AcceptSignature<Protocol>>(
        [state = state_](auto&& handler) {
          state->enqueue(std::forward<decltype(handler)>(handler));
        },
        token);
  }

 private:
  std::shared_ptr<detail::AcceptState<Protocol>> state_;
};

/// For tcp://.
using Acceptor = BasicAcceptor<boost::asio::ip::tcp>;
/// For unix:// and unix-abstract://. On Windows listen() refuses those.
using LocalAcceptor = BasicAcceptor<boost::asio::local::stream_protocol>;

namespace detail {

using HandOverSignature = void(boost::system::error_code, Stream);

/// A stream on its way to the library, and back if nobody takes it.
struct Giving {
  Giving(const Drain& drain_, std::string name_, Stream stream_,
         std::string state, std::string unread)
      : drain(drain_),
        name(std::move(name_)),
        work(stream_.get_executor()),
        stream(std::move(stream_)),
        connection(stream.take_socket(), std::move(state), std::move(unread)) {}

  Drain drain;
  std::string name;
  boost::asio::executor_work_guard<boost::asio::any_io_executor> work;
  GivenStream stream;
  Connection connection;
};

/// With whoever waits for the answer.
struct Given : Giving {
  // The handler is never assigned: Boost 1.81's assignment calls itself.
  Given(Giving giving,
        boost::asio::any_completion_handler<HandOverSignature> handler_)
      : Giving(std::move(giving)), handler(std::move(handler_)) {}

  static void finish(const std::shared_ptr<Given>& given,
                     const std::optional<Error>& error, native_socket socket) {
    boost::system::error_code code;
    if (error) code = error->code();
    const auto executor = given->work.get_executor();
    boost::asio::post(executor, [given, executor, code, socket] {
      const auto where =
          boost::asio::get_associated_executor(given->handler, executor);
      Stream back = code ? given->stream.restore(socket) : Stream(executor);
      given->work.reset();
      boost::asio::dispatch(where, [handler = std::move(given->handler), code,
                                    back = std::move(back)]() mutable {
        std::move(handler)(code, std::move(back));
      });
    });
  }

  boost::asio::any_completion_handler<HandOverSignature> handler;
};

}  // namespace detail

/// Drain::hand_over for a stream: void(error_code, Stream).
///
/// Everything that was pending on the stream has been cancelled and has ended;
/// what a read has brought meanwhile is in `unread`, what is not written yet is
/// in `state`. A write that was cancelled cannot be handed over on Windows,
/// since nobody knows how much of it was sent.
///
/// Its client hears nothing until the successor has it. Whoever has thousands
/// hands over some at a time (128), and stops the next one when one has ended.
///
/// Completes on the stream's executor with
/// - no error, and a closed stream: the successor goes on with it.
/// - the errors of Drain::hand_over, and the stream as it was: it is to be
///   served to its end here.
template <boost::asio::completion_token_for<detail::HandOverSignature> Token>
auto async_hand_over(const Drain& drain, std::string name, Stream stream,
                     std::string state, std::string unread, Token&& token) {
  using Giving = detail::Giving;
  return boost::asio::async_initiate<Token, detail::HandOverSignature>(
      [](auto handler, Giving giving) {
        const auto given = std::make_shared<detail::Given>(std::move(giving),
                                                           std::move(handler));
        given->drain.hand_over(
            std::move(given->name), std::move(given->connection),
            [given](const std::optional<Error>& error, Connection back) {
              detail::Given::finish(given, error, back.release());
            });
      },
      token,
      Giving(drain, std::move(name), std::move(stream), std::move(state),
             std::move(unread)));
}

/// A connection that came from the incumbent, and what it brought.
struct TakenStream {
  Stream stream;
  std::string state;
  std::string unread;  ///< the first bytes of what is to be read
};

/// Upgrader::on_connection with streams, which run on `executor`, where `take`
/// is called too. One that cannot be opened there is closed.
inline void on_connection(Upgrader& upgrader, std::string_view name,
                          boost::asio::any_io_executor executor,
                          std::function<void(TakenStream)> take,
                          std::size_t limit = SIZE_MAX) {
  upgrader.on_connection(
      name,
      [executor = std::move(executor),
       take = std::move(take)](Connection connection) {
        boost::system::error_code failure;
        Stream stream =
            detail::adopt_stream(executor, connection.socket(), failure);
        if (failure) return;
        connection.release();
        boost::asio::post(
            executor, [take, taken = TakenStream{
                                 std::move(stream), std::move(connection.state),
                                 std::move(connection.unread)}]() mutable {
              take(std::move(taken));
            });
      },
      limit);
}

/// An ordinary socket in place of a stream on which nothing is pending, for a
/// library that takes no other; the stream is closed then.
///
/// Errors leave the stream as it was:
/// - address_family_not_supported: it is not TCP.
/// - Windows, invalid argument (87): it was on a completion port of an earlier
///   process, and the system could not dissolve that. Windows can since 8.1;
///   Wine cannot. Nothing but a Stream can drive it then.
inline std::optional<boost::asio::ip::tcp::socket> tcp_socket(
    Stream& stream, boost::system::error_code& failure) {
  using boost::asio::ip::tcp;
  tcp::endpoint own;
  auto size = static_cast<socklen_t>(own.capacity());
  failure = {};
  if (::getsockname(stream.native_handle(), own.data(), &size) != 0) {
    failure = detail::last_socket_error();
    return std::nullopt;
  }
  const int family = own.data()->sa_family;
  if (family != AF_INET && family != AF_INET6) {
    failure = boost::asio::error::address_family_not_supported;
    return std::nullopt;
  }
  const tcp protocol = family == AF_INET ? tcp::v4() : tcp::v6();
  tcp::socket socket(stream.get_executor());
  detail::move_to_socket(stream, socket, protocol, failure);
  if (failure) return std::nullopt;
  return socket;
}

/// Where the peer of a stream is. Errors: it is not connected, not by TCP.
inline boost::asio::ip::tcp::endpoint remote_endpoint(
    Stream& stream, boost::system::error_code& failure) {
  boost::asio::ip::tcp::endpoint peer;
  auto size = static_cast<socklen_t>(peer.capacity());
  failure = {};
  if (::getpeername(stream.native_handle(), peer.data(), &size) != 0) {
    failure = detail::last_socket_error();
    return {};
  }
  const int family = peer.data()->sa_family;
  if (family == AF_INET || family == AF_INET6) return peer;
  failure = boost::asio::error::address_family_not_supported;
  return {};
}

}  // namespace relaunch::asio
