#include "common/os/channel.hpp"

#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/windows/stream_handle.hpp>
#include <boost/asio/write.hpp>
#include <deque>

#include "common/base/text.hpp"
#include "common/os/fault.hpp"
#include "win32/transfer.hpp"
#include "win32/win32.hpp"

namespace relaunch::os {

namespace {

// The other side closed its end: said in one of these ways, depending on what
// was under way.
bool is_other_side_gone(const boost::system::error_code& error) {
  if (error == boost::asio::error::eof) return true;
  switch (error.value()) {
    case ERROR_BROKEN_PIPE:
    case ERROR_NO_DATA:
    case ERROR_PIPE_NOT_CONNECTED:
    case ERROR_HANDLE_EOF:
      return true;
    default:
      return false;
  }
}

Error lost(const boost::system::error_code& error, std::string_view verb) {
  if (is_other_side_gone(error)) {
    return Error{make_error_code(errc::channel_lost),
                 text::cat("cannot ", verb, " the channel")};
  }
  return win32::failure(text::cat("cannot ", verb, " the channel"),
                        static_cast<DWORD>(error.value()));
}

}  // namespace

Result<ChannelPair> make_channel_pair() {
  // Neither end may meet a completion port here: that binding belongs to the
  // pipe end, not to the handle, and outlives this process.
  auto pair = win32::make_pipe(PIPE_ACCESS_DUPLEX, FILE_FLAG_OVERLAPPED);
  if (!pair) return pair.error();
  return ChannelPair{std::move(pair->server), std::move(pair->client)};
}

Result<ProcessId> channel_maker(native_handle end) {
  ULONG id = 0;
  // A socket is a "pipe" to GetFileType too; the second call tells it apart.
  if (end == nullptr || end == kNoHandle ||
      GetFileType(end) != FILE_TYPE_PIPE ||
      !GetNamedPipeServerProcessId(end, &id)) {
    return Error{
        make_error_code(errc::invalid_argument),
        text::cat("cannot use handle ", reinterpret_cast<std::uintptr_t>(end),
                  ": it is no channel")};
  }
  return ProcessId{id};
}

// Pending operations hold it: the system writes to its buffers until they have
// ended. Every callback may destroy the Channel.
struct Channel::Impl : std::enable_shared_from_this<Impl> {
  Impl(boost::asio::io_context& context, Handle end)
      : io(context), stream(context) {
    boost::system::error_code failure;
    stream.assign(end.get(), failure);
    if (failure) {
      broken = win32::failure("cannot use this channel end",
                              static_cast<DWORD>(failure.value()));
    } else {
      // It was inheritable for this process, not for its own children.
      keep_from_children(end.release());
    }
  }

  struct Pending {
    protocol::Frame frame;
    std::vector<Outgoing> handles;
    std::function<void(std::optional<Error>)> on_sent;
  };

  bool reading() const { return !destroyed && !closing && !lost_by; }
  void read();
  void take_frames();
  void lose(Error error);
  void pump_later();
  void pump();
  Result<void> encode_front();
  void write_front();
  void on_written(const boost::system::error_code& error);
  void settle_front(std::optional<Error> error);
  void report_end();
  void shut();

  boost::asio::io_context& io;
  boost::asio::windows::stream_handle stream;
  win32::Receiver receiver;

  protocol::FrameReader reader;
  std::array<char, 16 * 1024> buffer{};
  std::function<void(Received)> on_message;
  std::function<void(Error)> on_lost;
  std::function<void()> on_closed;

  std::deque<Pending> queue;
  std::string outgoing;          // the frame that is being written
  win32::GivenHandles given;     // what it has put into the receiver
  std::optional<Error> broken;   // nothing can be sent any more
  std::optional<Error> lost_by;  // nothing can be read any more either
  bool pumping = false;          // pump() is posted or a write is under way
  bool closing = false;          // close_after_sending() was called
  bool destroyed = false;        // the Channel is gone
};

void Channel::Impl::read() {
  stream.async_read_some(
      boost::asio::buffer(buffer),
      [self = shared_from_this()](const boost::system::error_code& error,
                                  std::size_t size) {
        if (!self->reading()) return;
        if (error) return self->lose(lost(error, "read from"));
        if (fault("channel.receive")) {
          return self->lose(lost(last_error(), "read from"));
        }
        self->reader.append({self->buffer.data(), size});
        self->take_frames();
      });
}

void Channel::Impl::take_frames() {
  for (;;) {
    auto next = reader.next();
    if (!next) return lose(next.error());
    if (!*next) return read();
    Received received;
    received.frame = std::move(**next);
    auto handles =
        win32::adopt(received.frame.transfer, received.frame.handles);
    if (!handles) return lose(handles.error());
    received.handles = std::move(*handles);
    received.frame.transfer.clear();
    on_message(std::move(received));
    if (!reading()) return;
  }
}

// A write that is under way ends now, and its handler goes on with the pump.
void Channel::Impl::lose(Error error) {
  broken = error;
  lost_by = std::move(error);
  shut();
  pump_later();
}

void Channel::Impl::shut() {
  boost::system::error_code ignored;
  // To close alone ends what is pending only with the last handle of this end,
  // and the io_context waits for what is pending.
  stream.cancel(ignored);
  stream.close(ignored);
}

// Never inside send(): on_sent must not come before it returns.
void Channel::Impl::pump_later() {
  if (std::exchange(pumping, true)) return;
  boost::asio::post(io, [self = shared_from_this()] { self->pump(); });
}

void Channel::Impl::pump() {
  while (!destroyed && !queue.empty()) {
    if (broken) {
      settle_front(broken);
      continue;
    }
    if (auto encoded = encode_front(); !encoded) {
      given.take_back();
      settle_front(encoded.error());
      continue;
    }
    return write_front();
  }
  pumping = false;
  if (!destroyed) report_end();
}

// Now and not when it was queued: the earlier handles are duplicated, the more
// of them must be closed in the receiver when the link breaks.
Result<void> Channel::Impl::encode_front() {
  Pending& front = queue.front();
  if (fault("channel.send")) return lost(last_error(), "write to");
  auto given_now = win32::give(receiver, front.handles);
  if (!given_now) return given_now.error();
  given = std::move(*given_now);
  front.frame.handles = static_cast<std::uint16_t>(front.handles.size());
  front.frame.transfer = given.section();
  outgoing = protocol::encode(front.frame);
  // The receiver would give up the whole link for it.
  const auto header = protocol::decode_header(
      std::string_view{outgoing}.substr(0, protocol::kHeaderBytes));
  if (header) return {};
  return Error{make_error_code(errc::invalid_argument),
               text::cat("cannot send a frame of ", outgoing.size(),
                         " bytes: over the limit")};
}

void Channel::Impl::write_front() {
  boost::asio::async_write(
      stream, boost::asio::buffer(outgoing),
      [self = shared_from_this()](const boost::system::error_code& error,
                                  std::size_t) { self->on_written(error); });
}

void Channel::Impl::on_written(const boost::system::error_code& error) {
  if (destroyed) return;
  if (error) {
    given.take_back();  // a frame that is not whole is never adopted
    if (!broken) broken = lost(error, "write to");
    // What the other side wrote before it left is still to be read; the end of
    // the stream follows it.
    if (!lost_by && !is_other_side_gone(error)) {
      lost_by = broken;
      shut();
    }
    settle_front(broken);
  } else {
    given.keep();
    settle_front(std::nullopt);
  }
  pump();
}

void Channel::Impl::settle_front(std::optional<Error> error) {
  const auto on_sent = std::move(queue.front().on_sent);
  queue.pop_front();
  if (on_sent) on_sent(std::move(error));
}

void Channel::Impl::report_end() {
  if (closing) {
    shut();
    if (const auto told = std::exchange(on_closed, nullptr)) told();
  } else if (lost_by) {
    if (const auto told = std::exchange(on_lost, nullptr)) told(*lost_by);
  }
}

Channel::Channel(boost::asio::io_context& io, Handle end)
    : impl_(std::make_shared<Impl>(io, std::move(end))) {}

Channel::~Channel() {
  impl_->destroyed = true;
  impl_->given.keep();  // it may have arrived; and the receiver may be gone
  impl_->shut();
}

void Channel::set_receiver(const Process& process) {
  impl_->receiver = {process.handle(), process.id()};
}

void Channel::start(std::function<void(Received)> on_message,
                    std::function<void(Error)> on_lost) {
  impl_->on_message = std::move(on_message);
  impl_->on_lost = std::move(on_lost);
  if (impl_->broken && !impl_->stream.is_open()) {
    return impl_->lose(*impl_->broken);
  }
  impl_->read();
}

void Channel::restart(std::function<void(Received)> on_message,
                      std::function<void(Error)> on_lost) {
  on_message.swap(impl_->on_message);
  on_lost.swap(impl_->on_lost);
  // One of the old ones may be what is calling.
  boost::asio::post(
      impl_->stream.get_executor(),
      [on_message = std::move(on_message), on_lost = std::move(on_lost)] {});
}

void Channel::send(protocol::Frame frame, std::vector<Outgoing> handles,
                   std::function<void(std::optional<Error>)> on_sent) {
  impl_->queue.push_back(
      {std::move(frame), std::move(handles), std::move(on_sent)});
  impl_->pump_later();
}

void Channel::close_after_sending(std::function<void()> on_closed) {
  impl_->closing = true;
  impl_->on_closed = std::move(on_closed);
  impl_->pump_later();
}

}  // namespace relaunch::os
