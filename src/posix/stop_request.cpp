#include "common/os/stop_request.hpp"

#include <signal.h>

#include <array>
#include <boost/asio/signal_set.hpp>

namespace relaunch::os {

namespace asio = boost::asio;

namespace {

/// What the host does with the signals that are taken. Asio would leave them at
/// the default, which ends the program.
class HostsHandlers {
 public:
  HostsHandlers() {
    for (Entry& entry : entries_) {
      ::sigaction(entry.signal, nullptr, &entry.before);
    }
  }
  /// Call when Asio has taken the signals. What was Asio's before belongs to
  /// another of its users: Asio itself knows when the last of them is gone.
  void leave_asios() {
    for (Entry& entry : entries_) {
      entry.ours = handler(entry.signal) != entry.before.sa_handler;
    }
  }
  ~HostsHandlers() {
    for (const Entry& entry : entries_) {
      const bool given_up = handler(entry.signal) == SIG_DFL;
      if (entry.ours && given_up) {
        ::sigaction(entry.signal, &entry.before, nullptr);
      }
    }
  }
  HostsHandlers(const HostsHandlers&) = delete;
  HostsHandlers& operator=(const HostsHandlers&) = delete;

 private:
  struct Entry {
    int signal = 0;
    bool ours = false;
    struct sigaction before = {};
  };

  static void (*handler(int signal))(int) {
    struct sigaction now = {};
    ::sigaction(signal, nullptr, &now);
    return now.sa_handler;
  }

  std::array<Entry, 3> entries_{Entry{.signal = SIGTERM},
                                Entry{.signal = SIGINT},
                                Entry{.signal = SIGQUIT}};
};

}  // namespace

// Pending waits hold it weakly: when its owner lets go, nothing is called.
struct StopRequests::Impl : std::enable_shared_from_this<Impl> {
  Impl(asio::io_context& io, std::function<void()> callback)
      : signals(io, SIGTERM, SIGINT, SIGQUIT), on_stop(std::move(callback)) {
    hosts.leave_asios();
  }

  void wait() {
    signals.async_wait(
        [weak = weak_from_this()](boost::system::error_code failure, int) {
          const auto self = weak.lock();
          if (!self || failure) return;
          self->wait();
          self->on_stop();
        });
  }

  HostsHandlers hosts;  // back in place when `signals` is gone
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
