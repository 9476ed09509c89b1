#include <fcntl.h>

#include <boost/asio/posix/stream_descriptor.hpp>

#include "common/base/text.hpp"
#include "common/os/fault.hpp"
#include "common/os/process.hpp"
#include "posix/posix.hpp"

namespace relaunch::os {

namespace asio = boost::asio;

// Pending waits hold it weakly: when its owner lets go, nothing is called.
struct ProcessWatch::Impl {
  Impl(asio::io_context& io, Handle pidfd, std::function<void()> callback)
      : descriptor(io, pidfd.release()), on_gone(std::move(callback)) {}

  asio::posix::stream_descriptor descriptor;
  std::function<void()> on_gone;
};

ProcessWatch::ProcessWatch(std::shared_ptr<Impl> impl)
    : impl_(std::move(impl)) {}
ProcessWatch::ProcessWatch(ProcessWatch&&) noexcept = default;
ProcessWatch& ProcessWatch::operator=(ProcessWatch&&) noexcept = default;
ProcessWatch::~ProcessWatch() = default;

Result<ProcessWatch> ProcessWatch::start(asio::io_context& io,
                                         const Process& process,
                                         std::function<void()> on_gone) {
  // Its own copy, so that the process need not outlive the watch.
  Handle copy{::fcntl(process.handle(), F_DUPFD_CLOEXEC, 0)};
  if (!copy || fault("process.watch")) {
    return Error{last_error(),
                 text::cat("cannot watch process ", process.id(), ": dup")};
  }
  try {
    auto impl = std::make_shared<Impl>(io, std::move(copy), std::move(on_gone));
    impl->descriptor.async_wait(
        asio::posix::descriptor_base::wait_read,
        [weak = std::weak_ptr{impl}](boost::system::error_code failure) {
          const auto self = weak.lock();
          if (!self || failure) return;
          const auto callback = std::move(self->on_gone);
          if (callback) callback();
        });
    return ProcessWatch{std::move(impl)};
  } catch (const boost::system::system_error& failure) {
    return Error{failure.code(),
                 text::cat("cannot watch process ", process.id())};
  }
}

}  // namespace relaunch::os
