#include "common/os/lasting_pipe.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <utility>

#include "common/base/text.hpp"
#include "common/os/fault.hpp"
#include "posix/posix.hpp"

namespace relaunch::os {
namespace {

namespace asio = boost::asio;
using text::cat;

// What an unprivileged process may ask for.
// https://man7.org/linux/man-pages/man7/pipe.7.html
constexpr int kPipeBytes = 1 << 20;

// The number of a pipe is its own as long as it lives.
std::string place_of(Stream stream, const struct stat& facts) {
  return cat(static_cast<int>(stream), ':', facts.st_ino);
}

}  // namespace

// Pending reads hold it weakly: when its owner lets go, nothing is called.
struct LastingPipe::Impl : std::enable_shared_from_this<Impl> {
  Impl(asio::io_context& io, Stream which, Handle ours)
      : stream(which), reader(io, ours.release()) {
    // An open file of its own: the writer's stays blocking.
    reader.non_blocking(true);
  }

  void read() {
    if (reading || paused || ended || !on_bytes) return;
    reading = true;
    reader.async_read_some(
        asio::buffer(buffer),
        [weak = weak_from_this()](boost::system::error_code failure,
                                  std::size_t size) {
          const auto self = weak.lock();
          if (self) self->on_read(failure, size);
        });
  }

  void on_read(boost::system::error_code failure, std::size_t size) {
    reading = false;
    if (ended) return;
    if (size > 0) on_bytes({buffer.data(), size});
    if (size == 0 && failure) return end();
    read();
  }

  void end() {
    if (std::exchange(ended, true)) return;
    boost::system::error_code ignored;
    reader.close(ignored);
    on_bytes({});
  }

  Stream stream;
  asio::posix::stream_descriptor reader;
  Handle child_end;
  std::function<void(std::string_view)> on_bytes;
  std::array<char, 16'384> buffer;
  bool reading = false;
  bool paused = false;
  bool ended = false;  // or destroyed
};

LastingPipe::LastingPipe(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
LastingPipe::LastingPipe(LastingPipe&&) noexcept = default;

LastingPipe& LastingPipe::operator=(LastingPipe&& other) noexcept {
  LastingPipe taken{std::move(other)};  // what was held ends with it
  std::swap(impl_, taken.impl_);
  return *this;
}

LastingPipe::~LastingPipe() {
  if (impl_) impl_->ended = true;  // it may be what is calling
}

Result<LastingPipe> LastingPipe::open(asio::io_context& io, Stream stream) {
  int ends[2];
  if (fault("output.open") || ::pipe2(ends, O_CLOEXEC) != 0) {
    return Error{last_error(), "cannot make a pipe: pipe2"};
  }
  Handle ours{ends[0]};
  Handle theirs{ends[1]};
  // Best effort: a user who has many large pipes gets a smaller one.
  ::fcntl(theirs.get(), F_SETPIPE_SZ, kPipeBytes);
  // Whoever holds this end is a reader too: nobody is told that there is none.
  const std::string name = cat("/proc/self/fd/", theirs.get());
  Handle both{
      uninterrupted([&] { return ::open(name.c_str(), O_RDWR | O_CLOEXEC); })};
  try {
    auto impl = std::make_shared<Impl>(io, stream, std::move(ours));
    impl->child_end = both ? std::move(both) : std::move(theirs);
    return LastingPipe{std::move(impl)};
  } catch (const boost::system::system_error& failure) {
    return Error{failure.code(), "cannot read from a pipe"};
  }
}

Result<LastingPipe> LastingPipe::take_back(asio::io_context& io,
                                           const Process& writer,
                                           std::string_view place) {
  const Stream stream =
      place.starts_with("2:") ? Stream::error : Stream::output;
  const std::string name =
      cat("/proc/", writer.id(), "/fd/", static_cast<int>(stream));
  const auto failed = [&](std::error_code code, std::string_view why) {
    return Error{code, cat("cannot read the output of process ", writer.id(),
                           ": ", why)};
  };
  // Looked at before it is opened: to open a device or a pipe of its own could
  // change something.
  struct stat facts = {};
  if (::stat(name.c_str(), &facts) != 0) {
    return failed(last_error(), cat("stat ", name));
  }
  if (!S_ISFIFO(facts.st_mode) || place_of(stream, facts) != place) {
    return failed(make_error_code(errc::invalid_argument),
                  "its stream is another one by now");
  }
  Handle ours{uninterrupted(
      [&] { return ::open(name.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC); })};
  if (!ours) return failed(last_error(), cat("open ", name));
  if (::fstat(ours.get(), &facts) != 0 || place_of(stream, facts) != place ||
      writer.gone()) {
    return failed(std::make_error_code(std::errc::no_such_process),
                  "it has ended");
  }
  try {
    return LastingPipe{std::make_shared<Impl>(io, stream, std::move(ours))};
  } catch (const boost::system::system_error& failure) {
    return failed(failure.code(), "watch its pipe");
  }
}

native_handle LastingPipe::child_end() const { return impl_->child_end.get(); }

void LastingPipe::close_child_end() { impl_->child_end.reset(); }

Result<std::string> LastingPipe::keep_with(const Process&) {
  struct stat facts = {};
  if (::fstat(impl_->reader.native_handle(), &facts) != 0) {
    return Error{last_error(), "cannot name a pipe: fstat"};
  }
  return place_of(impl_->stream, facts);
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
  boost::system::error_code ignored;
  self->reader.cancel(ignored);
  int left = 0;
  ::ioctl(self->reader.native_handle(), FIONREAD, &left);
  while (left > 0 && !self->ended) {
    const ssize_t got = uninterrupted([&] {
      return ::read(self->reader.native_handle(), self->buffer.data(),
                    self->buffer.size());
    });
    if (got <= 0) break;
    left -= static_cast<int>(got);
    self->on_bytes({self->buffer.data(), static_cast<std::size_t>(got)});
  }
  self->end();
}

}  // namespace relaunch::os
