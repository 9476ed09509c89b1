#include "common/os/operator_signals.hpp"

#include <utility>

#include "common/os/stop_request.hpp"

namespace relaunch::os {

// Windows has one request only, by the console or the stop event; what else a
// signal says on POSIX comes through the control endpoint.
struct OperatorSignals::Impl {
  explicit Impl(StopRequests requests) : stop(std::move(requests)) {}
  StopRequests stop;
};

OperatorSignals::OperatorSignals(std::shared_ptr<Impl> impl)
    : impl_(std::move(impl)) {}
OperatorSignals::OperatorSignals(OperatorSignals&&) noexcept = default;
OperatorSignals& OperatorSignals::operator=(OperatorSignals&&) noexcept =
    default;
OperatorSignals::~OperatorSignals() = default;

Result<OperatorSignals> OperatorSignals::watch(
    boost::asio::io_context& io,
    std::function<void(OperatorSignal)> on_signal) {
  auto requests = StopRequests::watch(io, [on_signal = std::move(on_signal)] {
    on_signal(OperatorSignal::stop);
  });
  if (!requests) return requests.error();
  return OperatorSignals{std::make_shared<Impl>(std::move(*requests))};
}

void hold_operator_signals() {}

}  // namespace relaunch::os
