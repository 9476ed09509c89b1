#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/windows/stream_handle.hpp>
#include <optional>

#include "common/os/process.hpp"
#include "win32/win32.hpp"

namespace relaunch::os {

// Pending reads hold it: the system writes to its buffer until they have ended.
struct OutputPipe::Impl : std::enable_shared_from_this<Impl> {
  Impl(boost::asio::io_context& io, win32::PipePair pair)
      : child(std::move(pair.client)), stream(io, pair.server.get()) {
    pair.server.release();
  }

  void read();
  void end();
  bool reached_end();

  Handle child;
  boost::asio::windows::stream_handle stream;
  std::array<char, 16 * 1024> buffer{};
  std::function<void(std::string_view)> on_bytes;
  bool done = false;  // ended or destroyed
  bool finishing = false;
  // After finish(): how many of the bytes that were there are still to be read.
  std::optional<std::size_t> remaining;
};

void OutputPipe::Impl::read() {
  stream.async_read_some(
      boost::asio::buffer(buffer),
      [self = shared_from_this()](const boost::system::error_code& error,
                                  std::size_t size) {
        if (self->done) return;
        const bool cancelled = error == boost::asio::error::operation_aborted;
        if (error && !(cancelled && self->finishing)) return self->end();
        if (self->remaining)
          *self->remaining -= std::min(*self->remaining, size);
        if (size != 0) self->on_bytes({self->buffer.data(), size});
        if (self->done) return;  // destroyed by the call
        if (self->finishing && self->reached_end()) return self->end();
        self->read();
      });
}

// Called with no read under way: what is in the pipe now was written before.
bool OutputPipe::Impl::reached_end() {
  if (!remaining) {
    DWORD available = 0;
    if (!PeekNamedPipe(stream.native_handle(), nullptr, 0, nullptr, &available,
                       nullptr)) {
      available = 0;
    }
    remaining = available;
  }
  return *remaining == 0;
}

void OutputPipe::Impl::end() {
  boost::system::error_code ignored;
  stream.close(ignored);
  done = true;
  on_bytes({});
}

OutputPipe::OutputPipe(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<OutputPipe> OutputPipe::open(boost::asio::io_context& io) {
  // The child's end must be synchronous: programs write to it as to a file.
  auto pair = win32::make_pipe(PIPE_ACCESS_INBOUND, 0);
  if (!pair) return pair.error();
  return OutputPipe{std::make_shared<Impl>(io, std::move(*pair))};
}

OutputPipe::OutputPipe(OutputPipe&&) noexcept = default;

OutputPipe& OutputPipe::operator=(OutputPipe&& other) noexcept {
  OutputPipe taken{std::move(other)};  // what was held ends with it
  std::swap(impl_, taken.impl_);
  return *this;
}

OutputPipe::~OutputPipe() {
  if (!impl_) return;
  impl_->done = true;
  boost::system::error_code ignored;
  impl_->stream.cancel(ignored);
  impl_->stream.close(ignored);
}

native_handle OutputPipe::child_end() const { return impl_->child.get(); }
void OutputPipe::close_child_end() { impl_->child.reset(); }

void OutputPipe::start(std::function<void(std::string_view)> on_bytes) {
  impl_->on_bytes = std::move(on_bytes);
  impl_->read();
}

void OutputPipe::finish() {
  if (std::exchange(impl_->finishing, true)) return;
  // A cancelled read has taken nothing, or comes with what it took.
  boost::system::error_code ignored;
  impl_->stream.cancel(ignored);
}

}  // namespace relaunch::os
