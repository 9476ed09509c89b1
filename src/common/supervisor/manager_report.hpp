// What the service manager hears of a supervisor: that it serves, what it does,
// that it lives, that it stops.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/os/service_manager.hpp"
#include "common/supervisor/supervisor.hpp"
#include "common/upgrade/manager_link.hpp"

namespace relaunch::supervisor {

/// "NAME=VALUE" that the service manager meant for the supervisor alone: it is
/// not for what is started below.
bool speaks_of_supervisor(std::string_view variable);

/// On the supervisor's thread.
class ManagerReport {
 public:
  /// What the manager has in its store: names, and which sockets.
  using Stored = std::map<std::string, std::uint64_t>;
  static Stored stored_of(const std::vector<os::PassedSocket>& passed);

  /// Follows this supervisor, which must outlive it.
  ManagerReport(os::ServiceManager manager, Supervisor& supervisor, LogSink log,
                Stored stored);
  ManagerReport(const ManagerReport&) = delete;
  ManagerReport& operator=(const ManagerReport&) = delete;

  /// A reload begins, and has ended however it ended. In between the manager
  /// waits, and so does `systemctl reload`.
  void reloading();
  void reloaded();

 private:
  void heard(const observe::Event& event);
  void look();
  void keep_store();

  upgrade::ManagerLink manager_;
  Supervisor& supervisor_;
  bool ready_ = false;
  bool stopping_ = false;
  unsigned reloads_ = 0;
  Stored stored_;
  std::string told_;
  observe::Subscription followed_;
  std::shared_ptr<ManagerReport*> self_;
};

}  // namespace relaunch::supervisor
