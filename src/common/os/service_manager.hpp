// What a service manager that started this process wants to hear from it, by
// the protocol of sd_notify(3).
// https://www.freedesktop.org/software/systemd/man/252/sd_notify.html
//
// Windows has another (service.hpp): there is never one of this kind.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.hpp"
#include "common/os/handle.hpp"
#include "common/os/system.hpp"

namespace relaunch::os {

class ServiceManager {
 public:
  /// Nothing: nobody waits for word. Its variables stay: a build that takes
  /// this one's place by execve speaks to it as well.
  static std::optional<ServiceManager> find();

  /// The process that it started for a unit, by which it knows that unit, if
  /// that is told (systemd since 248): SYSTEMD_EXEC_PID. Any process below may
  /// have inherited it.
  static std::optional<ProcessId> main_process();

  /// Assignments, one a line: "READY=1\nSTATUS=…". Waits so long while the
  /// manager reads nothing.
  Result<void> tell(std::string_view assignments,
                    std::chrono::milliseconds patience = {}) const;
  /// Keeps this socket open for the next start of this unit, as long as that is
  /// not stopped (FileDescriptorStoreMax=). One that it has already is not kept
  /// twice.
  Result<void> store(std::string_view name, native_socket socket) const;
  /// All of this name.
  Result<void> forget(std::string_view name) const;

  /// It ends this process when it has not heard WATCHDOG=1 for so long;
  /// nothing: it does not watch.
  std::optional<std::chrono::microseconds> watchdog() const {
    return watchdog_;
  }

 private:
  ServiceManager() = default;
  Result<void> send(std::string_view assignments,
                    std::chrono::milliseconds patience,
                    const native_socket* passed) const;

  std::string address_;
  std::optional<std::chrono::microseconds> watchdog_;
};

}  // namespace relaunch::os
