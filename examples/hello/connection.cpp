#include "connection.hpp"

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http.hpp>
#include <utility>

namespace hello {
namespace {

namespace net = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

// What one client may cost.
constexpr std::uint32_t kMaxHeaderBytes = 16 * 1024;
constexpr std::uint64_t kMaxBodyBytes = std::uint64_t{64} * 1024;
constexpr std::size_t kPiece = 4096;
constexpr seconds kReadDeadline{60};
constexpr seconds kWriteDeadline{30};
constexpr milliseconds kLinger{500};

unsigned status_of(const boost::system::error_code& error) {
  if (error == http::error::header_limit ||
      error == http::error::buffer_overflow) {
    return 431;
  }
  if (error == http::error::body_limit) return 413;
  if (error == http::error::end_of_stream ||
      error == http::error::partial_message) {
    return 0;
  }
  const boost::system::error_code malformed = http::error::bad_method;
  return error.category() == malformed.category() ? 400 : 0;
}

bool is_loopback(const net::ip::address& peer) {
  if (peer.is_v6() && peer.to_v6().is_v4_mapped()) {
    return net::ip::make_address_v4(net::ip::v4_mapped, peer.to_v6())
        .is_loopback();
  }
  return peer.is_loopback();
}

}  // namespace

Connection::Connection(relaunch::asio::Stream stream, std::string unread)
    : stream_(std::move(stream)),
      buffer_(kMaxHeaderBytes + kMaxBodyBytes),
      deadline_(stream_.get_executor()),
      news_(std::make_shared<net::steady_timer>(stream_.get_executor())) {
  boost::system::error_code failure;
  const auto peer = relaunch::asio::remote_endpoint(stream_, failure);
  peer_is_loopback_ = !failure && is_loopback(peer.address());
  unread.resize(std::min(unread.size(), buffer_.max_size()));
  buffer_.commit(
      net::buffer_copy(buffer_.prepare(unread.size()), net::buffer(unread)));
}

void Connection::expires_after(milliseconds time) {
  deadline_.expires_after(time);
  deadline_.async_wait([this, mine = ++*armed_, armed = std::weak_ptr(armed_)](
                           boost::system::error_code) {
    // A wait that had ended already cannot be cancelled any more.
    const auto still = armed.lock();
    boost::system::error_code ignored;
    if (still && *still == mine) stream_.close(ignored);
  });
}

void Connection::expires_never() {
  ++*armed_;
  deadline_.cancel();
}

void Connection::interrupt() {
  interrupted_ = true;
  interruption_.emit(net::cancellation_type::total);
}

net::awaitable<bool> Connection::hand_over(const relaunch::Drain& drain,
                                           std::string name) {
  expires_never();
  may_cross_ = false;
  const auto unread = buffer_.cdata();
  auto [error, back] = co_await relaunch::asio::async_hand_over(
      drain, std::move(name), std::move(stream_), {},
      std::string(static_cast<const char*>(unread.data()), unread.size()),
      kTuple);
  stream_ = std::move(back);
  if (given_up_) give_up();
  co_return !error;
}

net::awaitable<unsigned> Connection::read(Request& request) {
  http::request_parser<http::string_body> parser;
  parser.header_limit(kMaxHeaderBytes);
  parser.body_limit(kMaxBodyBytes);
  expires_after(kReadDeadline);
  if (buffer_.size() == 0) {
    const auto [error, size] = co_await stream_.async_read_some(
        buffer_.prepare(kPiece),
        net::bind_cancellation_slot(interruption_.slot(), kTuple));
    buffer_.commit(size);
    const bool interrupted = std::exchange(interrupted_, false);
    if (interrupted && size == 0 && error == net::error::operation_aborted &&
        !given_up_) {
      co_return kInterrupted;
    }
    if (error && size == 0) co_return 0;
  }
  const auto [error, size] =
      co_await http::async_read_header(stream_, buffer_, parser, kTuple);
  if (error) co_return status_of(error);
  if (beast::iequals(parser.get()[http::field::expect], "100-continue")) {
    static constexpr std::string_view kGoOn = "HTTP/1.1 100 Continue\r\n\r\n";
    co_await net::async_write(stream_, net::buffer(kGoOn.data(), kGoOn.size()),
                              kTuple);
  }
  const auto [body_error, body_size] =
      co_await http::async_read(stream_, buffer_, parser, kTuple);
  if (body_error) co_return status_of(body_error);
  request = parser.release();
  co_return 200;
}

net::awaitable<bool> Connection::write(Response& response, bool head_only) {
  expires_after(kWriteDeadline);
  http::response_serializer<http::string_body> serializer(response);
  if (head_only) {
    const auto [error, size] =
        co_await http::async_write_header(stream_, serializer, kTuple);
    co_return !error;
  }
  const auto [error, size] =
      co_await http::async_write(stream_, serializer, kTuple);
  co_return !error;
}

net::awaitable<bool> Connection::begin_pieces(const Response& head) {
  http::response<http::empty_body> sent(head.base());
  chunked_ = sent.version() >= 11;
  if (chunked_) sent.chunked(true);
  expires_after(kWriteDeadline);
  http::response_serializer<http::empty_body> serializer(sent);
  const auto [error, size] =
      co_await http::async_write_header(stream_, serializer, kTuple);
  co_return !error;
}

net::awaitable<bool> Connection::write_piece(const std::string& text) {
  expires_after(kWriteDeadline);
  const auto bytes = net::const_buffer(text.data(), text.size());
  if (chunked_) {
    const auto [error, size] =
        co_await net::async_write(stream_, http::make_chunk(bytes), kTuple);
    co_return !error;
  }
  const auto [error, size] = co_await net::async_write(stream_, bytes, kTuple);
  co_return !error;
}

net::awaitable<bool> Connection::end_pieces() {
  if (!chunked_) co_return true;
  expires_after(kWriteDeadline);
  const auto [error, size] =
      co_await net::async_write(stream_, http::make_chunk_last(), kTuple);
  co_return !error;
}

std::function<void()> Connection::bell() const {
  return [news = news_] {
    net::post(news->get_executor(), [news] { news->cancel(); });
  };
}

net::awaitable<void> Connection::wait_for_news(milliseconds patience) {
  if (given_up_) co_return;
  expires_never();
  news_->expires_at(patience == milliseconds::zero()
                        ? steady_clock::time_point::max()
                        : steady_clock::now() + patience);
  co_await news_->async_wait(kTuple);
}

net::awaitable<void> Connection::close_gently() {
  if (given_up_) co_return;
  // To close with unread bytes would reset the connection.
  boost::system::error_code ignored;
  stream_.shutdown(net::socket_base::shutdown_send, ignored);
  expires_after(kLinger);
  for (;;) {
    buffer_.clear();
    const auto [error, size] =
        co_await stream_.async_read_some(buffer_.prepare(kPiece), kTuple);
    if (error) break;
  }
}

void Connection::give_up() {
  given_up_ = true;
  boost::system::error_code ignored;
  stream_.close(ignored);
  news_->cancel();
}

}  // namespace hello
