#include "common/os/lasting_pipe.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/windows/object_handle.hpp>
#include <charconv>
#include <utility>

#include "common/base/text.hpp"
#include "win32/win32.hpp"

namespace relaunch::os {
namespace {

namespace asio = boost::asio;
using text::cat;

constexpr DWORD kPipeBytes = 1 << 20;

Error failed(const Process& writer, std::string_view why,
             DWORD code = GetLastError()) {
  return win32::failure(
      cat("cannot read the output of process ", writer.id(), ": ", why), code);
}

}  // namespace

// The reading end is never on a completion port: that would outlive this
// process, and no other one could read from it (error 87). So each read has an
// event, which is waited for. A read under way holds this, since the system
// writes to its buffer.
struct LastingPipe::Impl : std::enable_shared_from_this<Impl> {
  Impl(asio::io_context& io, Stream which, Handle ours, Handle event)
      : stream(which), reader(std::move(ours)), done(io, event.get()) {
    event.release();  // the constructor above throws before it takes it
  }

  void read();
  void completed();
  void collect();
  void end();

  Stream stream;
  Handle reader;
  Handle child;
  asio::windows::object_handle done;
  OVERLAPPED overlapped{};
  std::array<char, 16'384> buffer{};
  std::function<void(std::string_view)> on_bytes;
  bool reading = false;
  bool paused = false;
  bool ended = false;  // or destroyed
};

void LastingPipe::Impl::read() {
  if (reading || paused || ended || !on_bytes) return;
  overlapped = {};
  overlapped.hEvent = done.native_handle();  // ReadFile resets it
  if (!ReadFile(reader.get(), buffer.data(), static_cast<DWORD>(buffer.size()),
                nullptr, &overlapped) &&
      GetLastError() != ERROR_IO_PENDING) {
    asio::post(done.get_executor(),
               [self = shared_from_this()] { self->end(); });
    return;
  }
  reading = true;
  done.async_wait(
      [self = shared_from_this()](const boost::system::error_code& error) {
        if (!error && self->reading && !self->ended) self->completed();
      });
}

void LastingPipe::Impl::completed() {
  collect();
  if (!ended) read();
}

// Of a read that has completed, or was cancelled: then it has taken nothing.
void LastingPipe::Impl::collect() {
  if (!std::exchange(reading, false)) return;
  DWORD size = 0;
  const BOOL whole =
      GetOverlappedResult(reader.get(), &overlapped, &size, TRUE);
  const DWORD code = whole ? ERROR_SUCCESS : GetLastError();
  if (size != 0) on_bytes({buffer.data(), size});
  if (code != ERROR_SUCCESS && code != ERROR_OPERATION_ABORTED) end();
}

void LastingPipe::Impl::end() {
  if (std::exchange(ended, true)) return;
  boost::system::error_code ignored;
  done.close(ignored);
  reader.reset();
  on_bytes({});
}

LastingPipe::LastingPipe(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
LastingPipe::LastingPipe(LastingPipe&&) noexcept = default;

LastingPipe& LastingPipe::operator=(LastingPipe&& other) noexcept {
  LastingPipe taken{std::move(other)};  // what was held ends with it
  std::swap(impl_, taken.impl_);
  return *this;
}

LastingPipe::~LastingPipe() {
  if (!impl_ || std::exchange(impl_->ended, true)) return;
  if (impl_->reading) {
    // The system must have let go of the buffer and the event.
    CancelIoEx(impl_->reader.get(), &impl_->overlapped);
    DWORD size = 0;
    GetOverlappedResult(impl_->reader.get(), &impl_->overlapped, &size, TRUE);
  }
  boost::system::error_code ignored;
  impl_->done.close(ignored);
}

namespace {

Result<Handle> make_event() {
  Handle event = win32::own(CreateEventW(nullptr, TRUE, FALSE, nullptr));
  if (!event) return win32::failure("cannot make a pipe: CreateEventW");
  return event;
}

}  // namespace

Result<LastingPipe> LastingPipe::open(asio::io_context& io, Stream stream) {
  auto pair = win32::make_pipe(PIPE_ACCESS_INBOUND, 0, kPipeBytes);
  if (!pair) return pair.error();
  auto event = make_event();
  if (!event) return event.error();
  auto impl = std::make_shared<Impl>(io, stream, std::move(pair->server),
                                     std::move(*event));
  impl->child = std::move(pair->client);
  return LastingPipe{std::move(impl)};
}

Result<LastingPipe> LastingPipe::take_back(asio::io_context& io,
                                           const Process& writer,
                                           std::string_view place) {
  const auto colon = std::min(place.find(':'), place.size());
  std::uintptr_t value = 0;
  const std::string_view number =
      place.substr(std::min(colon + 1, place.size()));
  std::from_chars(number.data(), number.data() + number.size(), value);
  // A handle that was received may only be waited for.
  const Handle process = win32::own(
      OpenProcess(PROCESS_DUP_HANDLE | SYNCHRONIZE, FALSE, writer.id()));
  if (!process) return failed(writer, "OpenProcess");
  HANDLE raw = nullptr;
  if (value == 0 || !DuplicateHandle(process.get(), handle_from_number(value),
                                     GetCurrentProcess(), &raw, 0, FALSE,
                                     DUPLICATE_SAME_ACCESS)) {
    return failed(writer, "DuplicateHandle");
  }
  Handle ours{raw};
  DWORD flags = 0;
  if (!GetNamedPipeInfo(ours.get(), &flags, nullptr, nullptr, nullptr) ||
      (flags & PIPE_SERVER_END) == 0) {
    return failed(writer, "it is no pipe by now", ERROR_INVALID_HANDLE);
  }
  // Until now its number could not be given to another process.
  if (writer.gone()) return failed(writer, "it has ended", ERROR_BROKEN_PIPE);
  auto event = make_event();
  if (!event) return event.error();
  const Stream stream =
      place.starts_with("2:") ? Stream::error : Stream::output;
  return LastingPipe{
      std::make_shared<Impl>(io, stream, std::move(ours), std::move(*event))};
}

native_handle LastingPipe::child_end() const { return impl_->child.get(); }
void LastingPipe::close_child_end() { impl_->child.reset(); }

Result<std::string> LastingPipe::keep_with(const Process& writer) {
  HANDLE theirs = nullptr;
  if (!DuplicateHandle(GetCurrentProcess(), impl_->reader.get(),
                       writer.handle(), &theirs, 0, FALSE,
                       DUPLICATE_SAME_ACCESS)) {
    return failed(writer, "DuplicateHandle");
  }
  return cat(static_cast<int>(impl_->stream), ':',
             reinterpret_cast<std::uintptr_t>(theirs));
}

void LastingPipe::start(std::function<void(std::string_view)> on_bytes) {
  impl_->on_bytes = std::move(on_bytes);
  impl_->read();
}

void LastingPipe::pause() { impl_->paused = true; }

void LastingPipe::resume() {
  impl_->paused = false;
  impl_->read();
}

void LastingPipe::finish() {
  const auto self = impl_;  // a callback may destroy this
  if (self->ended || !self->on_bytes) return;
  if (self->reading) CancelIoEx(self->reader.get(), &self->overlapped);
  self->collect();
  while (!self->ended) {
    DWORD left = 0;
    if (!PeekNamedPipe(self->reader.get(), nullptr, 0, nullptr, &left,
                       nullptr) ||
        left == 0) {
      break;
    }
    self->paused = true;  // completed() must not begin another one
    self->overlapped = {};
    self->overlapped.hEvent = self->done.native_handle();
    if (!ReadFile(self->reader.get(), self->buffer.data(),
                  static_cast<DWORD>(self->buffer.size()), nullptr,
                  &self->overlapped) &&
        GetLastError() != ERROR_IO_PENDING) {
      break;
    }
    self->reading = true;
    self->collect();
  }
  self->end();
}

}  // namespace relaunch::os
