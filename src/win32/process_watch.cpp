#include <boost/asio/windows/object_handle.hpp>

#include "common/base/text.hpp"
#include "common/os/fault.hpp"
#include "common/os/process.hpp"
#include "win32/win32.hpp"

namespace relaunch::os {

struct ProcessWatch::Impl {
  Impl(boost::asio::io_context& io, Handle process,
       std::function<void()> callback)
      : object(io, process.get()), on_gone(std::move(callback)) {
    process.release();  // the constructor above throws before it takes it
  }

  boost::asio::windows::object_handle object;
  std::function<void()> on_gone;  // empty: called, or cancelled
};

ProcessWatch::ProcessWatch(std::shared_ptr<Impl> impl)
    : impl_(std::move(impl)) {}

Result<ProcessWatch> ProcessWatch::start(boost::asio::io_context& io,
                                         const Process& process,
                                         std::function<void()> on_gone) {
  // A handle of its own: the Process may be destroyed meanwhile.
  auto copy = fault("process.watch")
                  ? win32::failure("cannot duplicate a handle")
                  : win32::duplicate(process.handle(), false);
  if (!copy) {
    return Error{
        copy.error().code(),
        text::cat("cannot watch process ", process.id(), ": DuplicateHandle")};
  }
  std::shared_ptr<Impl> impl;
  try {
    impl = std::make_shared<Impl>(io, std::move(*copy), std::move(on_gone));
  } catch (const boost::system::system_error& failure) {
    return Error{failure.code(),
                 text::cat("cannot watch process ", process.id())};
  }
  impl->object.async_wait([impl](const boost::system::error_code& error) {
    if (error || !impl->on_gone) return;
    std::exchange(impl->on_gone, nullptr)();
  });
  return ProcessWatch{std::move(impl)};
}

ProcessWatch::ProcessWatch(ProcessWatch&&) noexcept = default;

ProcessWatch& ProcessWatch::operator=(ProcessWatch&& other) noexcept {
  ProcessWatch taken{std::move(other)};  // what was held ends with it
  std::swap(impl_, taken.impl_);
  return *this;
}

ProcessWatch::~ProcessWatch() {
  if (!impl_) return;
  impl_->on_gone = nullptr;
  boost::system::error_code ignored;
  impl_->object.close(ignored);
}

}  // namespace relaunch::os
