#include "common/os/channel.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/error.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <deque>

#include "common/base/text.hpp"
#include "common/os/fault.hpp"
#include "posix/message.hpp"
#include "posix/posix.hpp"

namespace relaunch::os {
namespace {

namespace asio = boost::asio;
using text::cat;
using Wait = asio::posix::descriptor_base;

// What the transfer field holds for each handle.
constexpr char kSocketKind = 'S';
constexpr char kHandleKind = 'H';

constexpr std::size_t kPieceBytes = 65'536;
// Descriptors in flight are limited for each user, and the receiver's reading
// makes room again.
constexpr auto kRoomDelay = std::chrono::milliseconds{10};
constexpr int kMaxRoomWaits = 100;

constexpr char kCannotWait[] = "cannot wait for the channel";

bool is_lack_of_room(int error) {
  return error == ETOOMANYREFS || error == ENOBUFS || error == ENOMEM;
}

bool is_cancelled(boost::system::error_code failure) {
  return failure == asio::error::operation_aborted;
}

bool is_closed_by_peer(int error) {
  return error == EPIPE || error == ECONNRESET;
}

struct Outbound {
  std::string bytes;
  std::size_t sent = 0;
  std::vector<int> handles;
  std::function<void(std::optional<Error>)> on_sent;
  std::optional<Error> refused;  // over a limit: never sent
};

// The receiver would take it for garbage and give up the whole link.
std::optional<Error> over_limit(const Outbound& frame) {
  const auto header = protocol::decode_header(
      std::string_view{frame.bytes}.substr(0, protocol::kHeaderBytes));
  if (header && frame.handles.size() <= protocol::kMaxHandles) return {};
  return Error{errc::invalid_argument,
               cat("cannot send a frame of ", frame.bytes.size(), " bytes and ",
                   frame.handles.size(), " handles: over the limit")};
}

// Handles go with the first byte of their frame.
ssize_t send_rest(int socket, const Outbound& frame) {
  const auto rest = std::string_view{frame.bytes}.substr(frame.sent);
  if (frame.sent > 0) return send_message(socket, rest, {});
  return send_message(socket, rest, frame.handles);
}

Result<std::vector<Incoming>> match_handles(protocol::Frame& frame,
                                            std::deque<Handle>& waiting) {
  if (frame.transfer.size() != frame.handles) {
    return Error{errc::malformed_frame,
                 cat("frame has ", frame.handles, " handles and describes ",
                     frame.transfer.size())};
  }
  if (waiting.size() < frame.handles) {
    return Error{errc::malformed_frame,
                 cat("frame announces ", frame.handles, " handles, ",
                     waiting.size(), " came")};
  }
  std::vector<Incoming> handles;
  for (const char kind : frame.transfer) {
    if (kind == kSocketKind) {
      handles.emplace_back(Socket{waiting.front().release()});
    } else if (kind == kHandleKind) {
      handles.emplace_back(std::move(waiting.front()));
    } else {
      return Error{errc::malformed_frame,
                   "frame has a handle of no known kind"};
    }
    waiting.pop_front();
  }
  frame.transfer.clear();
  return handles;
}

Error closed_by_peer() {
  return Error{errc::channel_lost, "the channel cannot go on"};
}

}  // namespace

// Every callback may destroy the Channel. Pending operations hold this weakly,
// and whoever runs a callback holds it strongly and looks at `open` afterwards.
struct Channel::Impl : std::enable_shared_from_this<Impl> {
  Impl(asio::io_context& io, Handle end)
      : descriptor(io), room_timer(io), buffer(kPieceBytes) {
    boost::system::error_code failure;
    descriptor.assign(end.get(), failure);
    if (failure) {
      unusable = Error{failure, "cannot use this channel end"};
    } else {
      end.release();
    }
  }

  // Reading ------------------------------------------------------------------

  void wait_to_read() {
    descriptor.async_wait(
        Wait::wait_read,
        [weak = weak_from_this()](boost::system::error_code failure) {
          const auto self = weak.lock();
          if (!self || !self->reading() || is_cancelled(failure)) return;
          if (failure) return self->lose(Error{failure, kCannotWait});
          self->on_readable();
        });
  }

  bool reading() const { return open && !closing; }

  void on_readable() {
    // Bounded: a peer that never stops must not keep the thread.
    for (int pieces = 0; pieces < 16; ++pieces) {
      bool truncated = false;
      const ssize_t size = receive_message(descriptor.native_handle(), buffer,
                                           waiting_handles, truncated);
      if (size < 0 && errno == EAGAIN) break;
      if (size < 0) return lose(receive_error(errno));
      if (truncated) {
        waiting_handles.clear();
        // The system closes what this process has no number left for.
        return lose(Error{{EMFILE, std::system_category()},
                          "cannot receive handles: recvmsg"});
      }
      if (size == 0) return lose(closed_by_peer());
      reader.append({buffer.data(), static_cast<std::size_t>(size)});
      if (!deliver()) return;
    }
    wait_to_read();
  }

  static Error receive_error(int error) {
    if (is_closed_by_peer(error)) return closed_by_peer();
    return Error{{error, std::system_category()},
                 "cannot read from the channel: recvmsg"};
  }

  // False: reading must not go on.
  bool deliver() {
    for (;;) {
      auto next = reader.next();
      if (!next) return lose(next.error()), false;
      if (!*next) break;
      Received received{std::move(**next), {}};
      auto handles = match_handles(received.frame, waiting_handles);
      if (!handles) return lose(handles.error()), false;
      received.handles = std::move(*handles);
      on_message(std::move(received));
      if (!reading()) return false;
    }
    // Handles come with the first byte of their frame, and the system ends a
    // read behind them: what is left belongs to the frame that has begun.
    const bool stray = reader.pending_bytes() == 0 && !waiting_handles.empty();
    if (stray || waiting_handles.size() > protocol::kMaxHandles) {
      return lose(Error{errc::malformed_frame,
                        "handles came that no frame announces"}),
             false;
    }
    return true;
  }

  // Writing ------------------------------------------------------------------

  void push(Outbound frame) {
    queue.push_back(std::move(frame));
    if (!writing) schedule_write();
  }

  // Never inside send(): on_sent must not come before it returns.
  void schedule_write() {
    writing = true;
    asio::post(descriptor.get_executor(), [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->write();
    });
  }

  void write() {
    while (!abandoned && !queue.empty()) {
      Outbound& frame = queue.front();
      if (frame.refused || send_broken || !open) {
        finish_front(frame.refused ? *frame.refused : closed_by_peer());
        continue;
      }
      const ssize_t size = send_rest(descriptor.native_handle(), frame);
      if (size >= 0) {
        room_waits = 0;
        frame.sent += static_cast<std::size_t>(size);
        if (frame.sent == frame.bytes.size()) finish_front(std::nullopt);
      } else if (errno == EAGAIN) {
        return wait_to_write();
      } else if (is_lack_of_room(errno) && room_waits++ < kMaxRoomWaits) {
        return wait_for_room();
      } else if (is_closed_by_peer(errno)) {
        // What the peer said last may still be unread, so the link is lost
        // when the reading side comes to its end.
        send_broken = true;
      } else {
        fail_front(Error{last_error(), "cannot send a frame: sendmsg"});
      }
    }
    writing = false;
    if (open && closing) close_now();
  }

  void wait_to_write() {
    descriptor.async_wait(
        Wait::wait_write,
        [weak = weak_from_this()](boost::system::error_code failure) {
          const auto self = weak.lock();
          if (!self || !self->open || is_cancelled(failure)) return;
          if (failure) return self->lose(Error{failure, kCannotWait});
          self->write();
        });
  }

  void wait_for_room() {
    room_timer.expires_after(kRoomDelay);
    room_timer.async_wait(
        [weak = weak_from_this()](boost::system::error_code failure) {
          const auto self = weak.lock();
          if (self && !failure) self->write();
        });
  }

  void finish_front(std::optional<Error> result) {
    const auto on_sent = std::move(queue.front().on_sent);
    queue.pop_front();
    if (on_sent) on_sent(std::move(result));
  }

  // A frame of which nothing has left fails alone; half a frame makes the rest
  // of the stream meaningless.
  void fail_front(const Error& why) {
    room_waits = 0;
    const bool begun = queue.front().sent > 0;
    finish_front(why);
    if (begun && open) lose(why);
  }

  // The end ------------------------------------------------------------------

  void shut() {
    open = false;
    boost::system::error_code ignored;
    descriptor.close(ignored);
    room_timer.cancel();
    waiting_handles.clear();
  }

  void lose(Error why) {
    shut();
    const auto self = shared_from_this();
    const auto lost = std::exchange(on_lost, nullptr);
    // As long as the owner has not let go, whose calls must then cease.
    while (!abandoned && !queue.empty()) finish_front(why);
    if (abandoned) return;
    if (closing) {
      report_closed();
    } else if (lost) {
      lost(std::move(why));
    }
  }

  void close_now() {
    shut();
    report_closed();
  }

  void report_closed() {
    if (const auto callback = std::exchange(on_closed, nullptr)) callback();
  }

  asio::posix::stream_descriptor descriptor;
  asio::steady_timer room_timer;
  std::vector<char> buffer;
  protocol::FrameReader reader;
  std::deque<Handle> waiting_handles;  // came, their frame not yet whole
  std::deque<Outbound> queue;
  std::function<void(Received)> on_message;
  std::function<void(Error)> on_lost;
  std::function<void()> on_closed;
  std::optional<Error> unusable;
  int room_waits = 0;
  bool open = true;
  bool closing = false;      // close_after_sending was called
  bool abandoned = false;    // the Channel is gone
  bool writing = false;      // somebody is going to call write()
  bool send_broken = false;  // the peer reads no more
};

Channel::Channel(asio::io_context& io, Handle end)
    : impl_(std::make_shared<Impl>(io, std::move(end))) {}

Channel::~Channel() {
  impl_->abandoned = true;
  impl_->shut();
}

void Channel::set_receiver(const Process&) {}

void Channel::start(std::function<void(Received)> on_message,
                    std::function<void(Error)> on_lost) {
  impl_->on_message = std::move(on_message);
  impl_->on_lost = std::move(on_lost);
  if (!impl_->unusable) return impl_->wait_to_read();
  asio::post(impl_->descriptor.get_executor(),
             [weak = impl_->weak_from_this()] {
               const auto self = weak.lock();
               if (self && self->open) self->lose(*self->unusable);
             });
}

void Channel::restart(std::function<void(Received)> on_message,
                      std::function<void(Error)> on_lost) {
  on_message.swap(impl_->on_message);
  on_lost.swap(impl_->on_lost);
  // One of the old ones may be what is calling.
  asio::post(
      impl_->descriptor.get_executor(),
      [on_message = std::move(on_message), on_lost = std::move(on_lost)] {});
}

void Channel::send(protocol::Frame frame, std::vector<Outgoing> handles,
                   std::function<void(std::optional<Error>)> on_sent) {
  Outbound outbound;
  frame.transfer.clear();
  for (const Outgoing& one : handles) {
    const auto* socket = std::get_if<SendSocket>(&one);
    frame.transfer += socket ? kSocketKind : kHandleKind;
    outbound.handles.push_back(socket ? socket->socket
                                      : std::get<SendHandle>(one).handle);
  }
  frame.handles = static_cast<std::uint16_t>(handles.size());
  outbound.bytes = protocol::encode(frame);
  outbound.refused = over_limit(outbound);
  outbound.on_sent = std::move(on_sent);
  impl_->push(std::move(outbound));
}

void Channel::close_after_sending(std::function<void()> on_closed) {
  impl_->closing = true;
  impl_->on_closed = std::move(on_closed);
  if (!impl_->writing) impl_->schedule_write();
}

Result<ChannelPair> make_channel_pair() {
  int ends[2];
  if (fault("channel.pair") ||
      ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
                   ends) != 0) {
    return Error{last_error(), "cannot make a channel: socketpair"};
  }
  return ChannelPair{Handle{ends[0]}, Handle{ends[1]}};
}

// Of a socketpair the system remembers who made it.
// https://man7.org/linux/man-pages/man7/unix.7.html
Result<ProcessId> channel_maker(native_handle end) {
  const auto option = [end](int name, auto& value) {
    socklen_t size = sizeof value;
    return ::getsockopt(end, SOL_SOCKET, name, &value, &size) == 0;
  };
  int domain = 0;
  int type = 0;
  ucred maker = {};
  const bool known = option(SO_DOMAIN, domain) && option(SO_TYPE, type) &&
                     (domain != AF_UNIX || option(SO_PEERCRED, maker));
  if (!known && errno != EBADF && errno != ENOTSOCK) {
    return Error{last_error(),
                 cat("cannot use handle ", end, " as a channel: getsockopt")};
  }
  if (!known || domain != AF_UNIX || type != SOCK_STREAM || maker.pid <= 0) {
    return Error{errc::invalid_argument,
                 cat("cannot use handle ", end, " as a channel: it is none")};
  }
  return static_cast<ProcessId>(maker.pid);
}

}  // namespace relaunch::os
