// What the service manager of this process is told, and that it lives.
#pragma once

#include <chrono>
#include <string>

#include "common/os/service_manager.hpp"
#include "common/upgrade/deadline_timer.hpp"
#include "relaunch/log.hpp"
#include "relaunch/outcome.hpp"

namespace relaunch::upgrade {

/// "generation 2 (pid 47) serves; probation".
std::string to_status_text(const Status& status);

/// All calls on the io_context's thread.
class ManagerLink {
 public:
  ManagerLink(boost::asio::io_context& io, os::ServiceManager manager,
              LogSink log)
      : manager_(std::move(manager)), log_(std::move(log)), watchdog_(io) {}

  /// The first failure is logged: it will be so each time.
  void tell(const std::string& assignments);
  /// Can it be told anything? As ServiceManager::tell.
  Result<void> try_to_tell(const std::string& assignments,
                           std::chrono::milliseconds patience = {}) const {
    return manager_.tell(assignments, patience);
  }
  void store(const std::string& name, native_socket socket);
  void forget(const std::string& name);
  /// If it wants to hear that this process lives: from now on, or from half of
  /// its time on.
  void feed_watchdog();
  void feed_watchdog_soon();
  void stop_feeding() { watchdog_.disarm(); }

 private:
  void note(const Result<void>& told);

  os::ServiceManager manager_;
  LogSink log_;
  DeadlineTimer watchdog_;
  bool failed_ = false;
};

}  // namespace relaunch::upgrade
