// Library mode below systemd, which knows a unit by its main process: an
// upgrade changes that.
//
// - Only the main process may say which one is it next (NotifyAccess=main), so
//   the incumbent does, after the successor has acknowledged its commit: until
//   then the incumbent's life is the unit's.
// - A generation that leaves for its successor says nothing any more.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/observe/event_log.hpp"
#include "common/os/system.hpp"
#include "common/upgrade/context.hpp"
#include "common/upgrade/manager_link.hpp"

namespace relaunch::upgrade {

/// Constructed on the application's thread; everything else on the library's.
class MainProcess {
 public:
  /// `starter`: the generation that has started this one, or this process. Of
  /// the plan for the next generation it changes what is said of this one.
  MainProcess(Context& context, os::ProcessId starter);
  MainProcess(const MainProcess&) = delete;
  MainProcess& operator=(const MainProcess&) = delete;

  /// Why the unit would end with this process; nothing if it would not.
  std::optional<std::string> why_not() const;
  /// A first generation serves.
  void ready();
  /// A successor is committed; its incumbent is about to say so.
  void stays();
  /// The incumbent is gone: perhaps before it could.
  void incumbent_gone();
  void hand_over(os::ProcessId successor);
  /// Not for a successor, unless it has been handed over.
  void leaves();

 private:
  void follow();
  void look();

  Context& context_;
  bool is_unit_ = false;               ///< of systemd
  std::unique_ptr<ManagerLink> link_;  ///< to it, if it listens and may be told
  bool is_main_ = false;
  std::string told_;
  observe::Subscription followed_;
  std::shared_ptr<MainProcess*> self_;
};

}  // namespace relaunch::upgrade
