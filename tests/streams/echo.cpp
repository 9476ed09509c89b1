#include "streams/echo.hpp"

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/buffer.hpp>
#include <cstdio>
#include <utility>

namespace relaunch::test {
namespace {

namespace net = boost::asio;

constexpr std::size_t kMaxOutbox = std::size_t{48} << 10;

}  // namespace

Echo::Echo(asio::TakenStream taken, OnGone on_gone)
    : stream_(std::move(taken.stream)),
      on_gone_(std::move(on_gone)),
      unread_(std::move(taken.unread)),
      outbox_(std::move(taken.state)) {}

void Echo::go_on() {
  if (!stream_.is_open()) return;
  if (drain_) {
    if (!reading_ && !writing_) give();
    return;
  }
  consume();
  if (!writing_ && !outbox_.empty()) write();
  if (!reading_ && !at_end_ && unread_.empty()) read();
  if (at_end_ && !writing_ && outbox_.empty()) gone();
}

// Only a part of it each time, so that whoever waits for a client that does not
// read has both: what is to be written, and what is not consumed.
void Echo::consume() {
  if (unread_.empty()) return;
  const auto size =
      std::min(kMaxOutbox - outbox_.size(), 1 + random_() % unread_.size());
  outbox_.append(unread_, 0, size);
  unread_.erase(0, size);
}

void Echo::read() {
  reading_ = true;
  stream_.async_read_some(
      net::buffer(bytes_, 1 + random_() % bytes_.size()),
      net::bind_cancellation_slot(
          stop_reading_.slot(),
          [self = shared_from_this()](boost::system::error_code error,
                                      std::size_t size) {
            self->reading_ = false;
            // A read that was cancelled may have won nevertheless.
            self->unread_.append(self->bytes_.data(), size);
            // An end that is met now is met again by whoever has it then.
            if (error == net::error::eof && !self->drain_) {
              self->at_end_ = true;
            } else if (error && !self->drain_) {
              std::printf("cannot read: %s\n", error.message().c_str());
              return self->gone();
            }
            self->go_on();
          }));
}

void Echo::write() {
  writing_ = true;
  piece_ = outbox_.substr(0, 1 + random_() % 8192);
  stream_.async_write_some(
      net::buffer(piece_),
      [self = shared_from_this()](boost::system::error_code error,
                                  std::size_t size) {
        self->writing_ = false;
        self->outbox_.erase(0, size);
        if (error) {
          std::printf("cannot write: %s\n", error.message().c_str());
          return self->gone();
        }
        self->go_on();
      });
}

void Echo::hand_over(const Drain& drain) {
  drain_ = drain;
  stop_reading_.emit(net::cancellation_type::total);
  go_on();
}

void Echo::give() {
  const Drain drain = *drain_;
  asio::async_hand_over(
      drain, "echo", std::move(stream_), outbox_, unread_,
      [self = shared_from_this()](boost::system::error_code error,
                                  asio::Stream back) {
        self->stream_ = std::move(back);
        self->drain_.reset();
        if (error) {
          std::printf("kept: %s\n", error.message().c_str());
          return self->go_on();
        }
        if (!self->outbox_.empty() || !self->unread_.empty()) {
          std::printf("gave to-be-written=%zu unread=%zu\n",
                      self->outbox_.size(), self->unread_.size());
        }
        self->gone();
      });
}

void Echo::gone() {
  std::fflush(stdout);
  boost::system::error_code ignored;
  stream_.close(ignored);
  if (auto on_gone = std::exchange(on_gone_, {})) on_gone(*this);
}

}  // namespace relaunch::test
