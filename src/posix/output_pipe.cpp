#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>

#include "common/os/fault.hpp"
#include "common/os/process.hpp"
#include "posix/posix.hpp"

namespace relaunch::os {

namespace asio = boost::asio;

// Pending reads hold it weakly: when its owner lets go, nothing is called.
struct OutputPipe::Impl : std::enable_shared_from_this<Impl> {
  Impl(asio::io_context& io, Handle ours, Handle theirs)
      : reader(io, ours.release()), child_end(std::move(theirs)) {}

  void read() {
    reader.async_read_some(
        asio::buffer(buffer),
        [weak = weak_from_this()](boost::system::error_code failure,
                                  std::size_t size) {
          const auto self = weak.lock();
          if (self) self->on_read(failure, size);
        });
  }

  void on_read(boost::system::error_code failure, std::size_t size) {
    if (ended) return;
    if (size > 0) {
      on_bytes({buffer.data(), size});
      if (!failure && !finishing) read();
      return;
    }
    if (!finishing) end();  // all writers have closed it
  }

  // What is in the pipe now, and not what a descendant goes on to write.
  void drain() {
    if (ended) return;
    int left = 0;
    ::ioctl(reader.native_handle(), FIONREAD, &left);
    while (left > 0 && !ended) {
      const ssize_t got = uninterrupted([&] {
        return ::read(reader.native_handle(), buffer.data(), buffer.size());
      });
      if (got <= 0) break;
      left -= static_cast<int>(got);
      on_bytes({buffer.data(), static_cast<std::size_t>(got)});
      if (weak_from_this().use_count() == 1) return;  // only drain() holds it
    }
    end();
  }

  void end() {
    if (ended) return;
    ended = true;
    boost::system::error_code ignored;
    reader.close(ignored);
    on_bytes({});
  }

  asio::posix::stream_descriptor reader;
  Handle child_end;
  std::function<void(std::string_view)> on_bytes;
  std::array<char, 16'384> buffer;
  bool finishing = false;
  bool ended = false;
};

OutputPipe::OutputPipe(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
OutputPipe::OutputPipe(OutputPipe&&) noexcept = default;
OutputPipe& OutputPipe::operator=(OutputPipe&&) noexcept = default;
OutputPipe::~OutputPipe() = default;

Result<OutputPipe> OutputPipe::open(asio::io_context& io) {
  int ends[2];
  if (fault("output.open") || ::pipe2(ends, O_CLOEXEC) != 0) {
    return Error{last_error(), "cannot make a pipe: pipe2"};
  }
  Handle ours{ends[0]};
  Handle theirs{ends[1]};
  try {
    auto impl = std::make_shared<Impl>(io, std::move(ours), std::move(theirs));
    // Our end alone: the child's is another open file and stays blocking.
    impl->reader.non_blocking(true);
    return OutputPipe{std::move(impl)};
  } catch (const boost::system::system_error& failure) {
    return Error{failure.code(), "cannot read from a pipe"};
  }
}

native_handle OutputPipe::child_end() const { return impl_->child_end.get(); }

void OutputPipe::close_child_end() { impl_->child_end.reset(); }

void OutputPipe::start(std::function<void(std::string_view)> on_bytes) {
  impl_->on_bytes = std::move(on_bytes);
  impl_->read();
}

void OutputPipe::finish() {
  if (impl_->finishing || impl_->ended) return;
  impl_->finishing = true;
  boost::system::error_code ignored;
  impl_->reader.cancel(ignored);
  // Behind a piece that was read before the cancel.
  asio::post(impl_->reader.get_executor(), [weak = impl_->weak_from_this()] {
    const auto self = weak.lock();
    if (self) self->drain();
  });
}

}  // namespace relaunch::os
