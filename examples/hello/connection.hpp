// One HTTP connection: reads requests and writes answers, with limits on what
// a client may cost. All on the thread that runs its executor.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "relaunch/asio.hpp"

namespace hello {

using Request = boost::beast::http::request<boost::beast::http::string_body>;
using Response = boost::beast::http::response<boost::beast::http::string_body>;

/// Errors are values here: (error_code, result).
inline constexpr auto kTuple =
    boost::asio::as_tuple(boost::asio::use_awaitable);

class Connection {
 public:
  /// `unread`: of what is to be read, the first bytes.
  explicit Connection(relaunch::asio::Stream stream, std::string unread = {});

  bool peer_is_loopback() const { return peer_is_loopback_; }

  /// read() was interrupted: nothing of a request has come.
  static constexpr unsigned kInterrupted = 1;
  /// 200 if `request` is whole; another status to refuse it with; 0 if the
  /// client is gone or silent, and nobody would read an answer.
  boost::asio::awaitable<unsigned> read(Request& request);

  /// Ends a read() that waits for a request.
  void interrupt();

  /// Between two requests: true if the successor goes on with it. Otherwise it
  /// is as it was, and is not asked for again.
  boost::asio::awaitable<bool> hand_over(const relaunch::Drain& drain,
                                         std::string name);
  /// Nobody has refused it yet.
  bool may_cross() const { return may_cross_; }

  /// False if it could not be sent. `head_only`: without the body.
  boost::asio::awaitable<bool> write(Response& response, bool head_only);

  /// An answer in pieces; `head` has no body. To an HTTP/1.0 client the end of
  /// the connection is the end of the answer.
  boost::asio::awaitable<bool> begin_pieces(const Response& head);
  boost::asio::awaitable<bool> write_piece(const std::string& text);
  boost::asio::awaitable<bool> end_pieces();

  /// Ends wait_for_news(); from any thread, also when this is gone.
  std::function<void()> bell() const;
  /// At most `patience`; zero: until it rings or give_up().
  boost::asio::awaitable<void> wait_for_news(
      std::chrono::milliseconds patience);

  /// Closes so that the client still reads what was sent.
  boost::asio::awaitable<void> close_gently();

  /// Closes at once; what is under way fails.
  void give_up();
  bool given_up() const { return given_up_; }

 private:
  /// What is under way by then fails: the stream is closed.
  void expires_after(std::chrono::milliseconds time);
  void expires_never();

  relaunch::asio::Stream stream_;
  boost::beast::flat_buffer buffer_;
  boost::asio::steady_timer deadline_;
  /// Of the deadline that counts; shared with the timer's handlers.
  std::shared_ptr<std::uint64_t> armed_ = std::make_shared<std::uint64_t>(0);
  boost::asio::cancellation_signal interruption_;
  /// Cancelled when there is news.
  std::shared_ptr<boost::asio::steady_timer> news_;
  bool peer_is_loopback_ = false;
  bool chunked_ = false;
  bool interrupted_ = false;
  bool may_cross_ = true;
  bool given_up_ = false;
};

}  // namespace hello
