#include "client.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace chat {
namespace {

namespace net = boost::asio;
constexpr auto kTuple = net::as_tuple(net::use_awaitable);

// Together they fit into what a connection may bring along.
constexpr std::size_t kMaxTyped = std::size_t{4} << 10;
constexpr std::size_t kMaxOutbox = std::size_t{128} << 10;

}  // namespace

Client::Client(relaunch::asio::Stream stream, Events events)
    : stream_(std::move(stream)), events_(std::move(events)) {}

Client::Client(relaunch::asio::TakenStream taken, Events events)
    : Client(std::move(taken.stream), std::move(events)) {
  arrived_ = true;
  restore(taken.state);
  typed_ = std::move(taken.unread);
}

std::string Client::state() const {
  return nick + '\n' + room + '\n' + outbox_;
}

void Client::restore(const std::string& state) {
  const auto first = state.find('\n');
  const auto second = state.find('\n', first + 1);
  nick = state.substr(0, first);
  room = state.substr(first + 1, second - first - 1);
  outbox_ = state.substr(second + 1);
}

void Client::start() {
  hear();
  if (closed_) return;
  reading_ = true;
  net::co_spawn(stream_.get_executor(), read_lines(), net::detached);
  send();
}

net::awaitable<void> Client::read_lines() {
  const auto self = shared_from_this();
  boost::system::error_code error;
  while (!leaving_ && !error) {
    const std::size_t size = co_await stream_.async_read_some(
        net::buffer(bytes_),
        net::bind_cancellation_slot(
            stop_reading_.slot(),
            net::redirect_error(net::use_awaitable, error)));
    // A read that was cancelled may have won nevertheless.
    typed_.append(bytes_.data(), size);
    if (!error) hear();
  }
  if (error && !leaving_) gone();
  reading_ = false;
  go_on_leaving();
}

void Client::hear() {
  for (std::size_t end = 0; !leaving_ && !closed_;) {
    end = typed_.find('\n');
    if (end == typed_.npos) break;
    const std::string line = typed_.substr(0, end);
    typed_.erase(0, end + 1);
    events_.on_line(*this, line);
  }
  if (typed_.size() > kMaxTyped && !leaving_) close();
}

void Client::say(std::string_view line) {
  if (closed_) return;
  outbox_.append(line).push_back('\n');
  if (outbox_.size() > kMaxOutbox) return close();
  send();
}

void Client::send() {
  if (writing_ || leaving_ || closed_ || outbox_.empty()) return;
  writing_ = true;
  net::co_spawn(stream_.get_executor(), write_lines(), net::detached);
}

net::awaitable<void> Client::write_lines() {
  const auto self = shared_from_this();
  // One piece at a time: a write that has begun ends before the connection is
  // handed over, and the rest goes along.
  while (!outbox_.empty() && !leaving_) {
    const std::string piece = outbox_;
    const auto [error, size] =
        co_await stream_.async_write_some(net::buffer(piece), kTuple);
    outbox_.erase(0, size);
    if (error) {
      close();
      break;
    }
  }
  writing_ = false;
  go_on_leaving();
}

void Client::hand_over(relaunch::Drain drain, Kept kept) {
  leaving_ = true;
  drain_ = std::move(drain);
  kept_ = std::move(kept);
  stop_reading_.emit(net::cancellation_type::total);
  go_on_leaving();
}

void Client::go_on_leaving() {
  if (!leaving_ || reading_ || writing_ || closed_ || !kept_) return;
  net::co_spawn(stream_.get_executor(), give(), net::detached);
}

net::awaitable<void> Client::give() {
  const auto self = shared_from_this();
  const auto kept = std::exchange(kept_, {});
  auto [error, back] = co_await relaunch::asio::async_hand_over(
      drain_, "chat", std::move(stream_), state(), typed_, kTuple);
  stream_ = std::move(back);
  leaving_ = false;
  if (error) {
    kept(error);
    start();
  } else {
    closed_ = true;
    gone();
  }
}

void Client::close() {
  if (std::exchange(closed_, true)) return;
  boost::system::error_code ignored;
  stream_.close(ignored);
  gone();
}

void Client::gone() {
  closed_ = true;
  if (auto on_gone = std::exchange(events_.on_gone, {})) on_gone(*this);
}

}  // namespace chat
