#include "common/os/stop_request.hpp"

#include <boost/asio/signal_set.hpp>
#include <csignal>

namespace relaunch::os {

namespace asio = boost::asio;

// Pending waits hold it weakly: when its owner lets go, nothing is called.
struct StopRequests::Impl : std::enable_shared_from_this<Impl> {
  Impl(asio::io_context& io, std::function<void()> callback)
      : signals(io, SIGTERM, SIGINT, SIGQUIT), on_stop(std::move(callback)) {}

  void wait() {
    signals.async_wait(
        [weak = weak_from_this()](boost::system::error_code failure, int) {
          const auto self = weak.lock();
          if (!self || failure) return;
          self->wait();
          self->on_stop();
        });
  }

  asio::signal_set signals;
  std::function<void()> on_stop;
};

StopRequests::StopRequests(std::shared_ptr<Impl> impl)
    : impl_(std::move(impl)) {}
StopRequests::StopRequests(StopRequests&&) noexcept = default;
StopRequests& StopRequests::operator=(StopRequests&&) noexcept = default;
StopRequests::~StopRequests() = default;

Result<StopRequests> StopRequests::watch(asio::io_context& io,
                                         std::function<void()> on_stop) {
  try {
    auto impl = std::make_shared<Impl>(io, std::move(on_stop));
    impl->wait();
    return StopRequests{std::move(impl)};
  } catch (const boost::system::system_error& failure) {
    return Error{failure.code(), "cannot take the stop signals"};
  }
}

}  // namespace relaunch::os
