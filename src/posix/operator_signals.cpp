#include "common/os/operator_signals.hpp"

#include <signal.h>

#include <array>
#include <boost/asio/signal_set.hpp>

namespace relaunch::os {

namespace asio = boost::asio;

namespace {

constexpr std::array kSignals{SIGTERM, SIGQUIT, SIGINT,
                              SIGUSR2, SIGHUP,  SIGUSR1};

// A mask is kept by exec, and what waits for it too:
// https://man7.org/linux/man-pages/man7/signal.7.html
void mask(int how) {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : kSignals) sigaddset(&signals, signal);
  ::pthread_sigmask(how, &signals, nullptr);
}

OperatorSignal meaning_of(int signal) {
  switch (signal) {
    case SIGQUIT:
      return OperatorSignal::stop_without_deadline;
    case SIGINT:
      return OperatorSignal::interrupt;
    case SIGUSR2:
      return OperatorSignal::upgrade;
    case SIGHUP:
      return OperatorSignal::reload;
    case SIGUSR1:
      return OperatorSignal::reopen_logs;
    default:
      return OperatorSignal::stop;
  }
}

}  // namespace

// Pending waits hold it weakly: when its owner lets go, nothing is called.
struct OperatorSignals::Impl : std::enable_shared_from_this<Impl> {
  Impl(asio::io_context& io, std::function<void(OperatorSignal)> callback)
      : signals(io), on_signal(std::move(callback)) {
    for (const int signal : kSignals) signals.add(signal);
  }

  void wait() {
    signals.async_wait([weak = weak_from_this()](
                           boost::system::error_code failure, int signal) {
      const auto self = weak.lock();
      if (!self || failure) return;
      self->wait();
      self->on_signal(meaning_of(signal));
    });
  }

  asio::signal_set signals;
  std::function<void(OperatorSignal)> on_signal;
};

OperatorSignals::OperatorSignals(std::shared_ptr<Impl> impl)
    : impl_(std::move(impl)) {}
OperatorSignals::OperatorSignals(OperatorSignals&&) noexcept = default;
OperatorSignals& OperatorSignals::operator=(OperatorSignals&&) noexcept =
    default;
OperatorSignals::~OperatorSignals() = default;

Result<OperatorSignals> OperatorSignals::watch(
    asio::io_context& io, std::function<void(OperatorSignal)> on_signal) {
  try {
    auto impl = std::make_shared<Impl>(io, std::move(on_signal));
    impl->wait();
    mask(SIG_UNBLOCK);
    return OperatorSignals{std::move(impl)};
  } catch (const boost::system::system_error& failure) {
    return Error{failure.code(), "cannot take the operator's signals"};
  }
}

void hold_operator_signals() { mask(SIG_BLOCK); }

}  // namespace relaunch::os
