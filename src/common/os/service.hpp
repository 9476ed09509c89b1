// The Windows service manager: services made, asked and removed, and this
// process as one. POSIX: std::errc::not_supported with the way out, since there
// a unit of systemd does it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.hpp"
#include "common/os/system.hpp"

namespace relaunch::os {

/// Nothing if this system has a service manager of this kind.
Result<void> can_have_services();

enum class ServiceState { stopped, starting, running, stopping, other };

/// As `sc query` has it, in words.
constexpr std::string_view to_text(ServiceState state) {
  switch (state) {
    case ServiceState::stopped:
      return "stopped";
    case ServiceState::starting:
      return "start pending";
    case ServiceState::running:
      return "running";
    case ServiceState::stopping:
      return "stop pending";
    case ServiceState::other:
      break;
  }
  return "other";
}

enum class ServiceOrder {
  stop,     ///< also when the system shuts down
  reload,   ///< its parameters have changed
  upgrade,  ///< the custom control 128
};

struct ServiceDefinition {
  std::string name;
  std::string title;  ///< for people
  std::string description;
  /// The program first, absolute; each word is quoted, the program always:
  /// `C:\Program Files\x.exe` without quotes may start `C:\Program.exe`.
  std::vector<std::string> command;
  /// How long the system waits for it when it shuts down.
  std::chrono::milliseconds shutdown_patience{180'000};
  /// Before it is started again when it failed the first, second, … time; the
  /// last one counts from then on. One day without a failure: anew.
  std::vector<std::chrono::milliseconds> restart_delays;
};

/// Started with the system from now on. Errors: it exists; no right to it.
Result<void> install_service(const ServiceDefinition& service);
/// Gone when it has stopped and nobody looks at it any more.
Result<void> uninstall_service(const std::string& name);

/// Asks only: wait_for_service() tells what came of it. Starting one that runs
/// and stopping one that does not are errors.
Result<void> start_service(const std::string& name);
Result<void> order_service(const std::string& name, ServiceOrder order);

/// Is it that there is no service of this name, or that it does not run?
bool is_no_service(const Error& error);

struct ServiceStatus {
  ServiceState state = ServiceState::other;
  ProcessId pid = 0;            ///< of its host; 0: none
  std::uint32_t exit_code = 0;  ///< what it stopped with
  std::string command;          ///< as the service manager has it
};
Result<ServiceStatus> query_service(const std::string& name);
/// Its status as soon as it is not in `while_in`, or what it is at the end of
/// the patience.
Result<ServiceStatus> wait_for_service(const std::string& name,
                                       ServiceState while_in,
                                       std::chrono::milliseconds patience);

/// This process as the service manager sees it; any thread.
class ThisService {
 public:
  virtual ~ThisService() = default;
  /// Begins to take orders, or ends it with nothing. `on_order` comes on a
  /// thread of the system, and may not call this object.
  virtual void take_orders(std::function<void(ServiceOrder)> on_order) = 0;
  /// Starting and stopping have to be said again within kServiceHint, as long
  /// as they last.
  virtual void report(ServiceState state) = 0;
};
inline constexpr std::chrono::milliseconds kServiceHint{10'000};

/// Runs `body` as the service of this process and returns when the service
/// manager has let it go; what the body returns is the exit code. Errors: this
/// process was not started by the service manager.
Result<void> run_service(
    const std::string& name,
    const std::function<std::uint32_t(ThisService&)>& body);

/// For the system's own log, under the name of the service: a service has
/// nobody who reads what it prints.
void tell_system_log(const std::string& service, bool error,
                     const std::string& line);

}  // namespace relaunch::os
