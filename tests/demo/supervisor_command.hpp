// The command `relaunch` in the demo: a supervisor, and verbs that speak to it.
#pragma once

#include <string>
#include <string_view>

#include "common/os/process.hpp"
#include "demo/terminal.hpp"
#include "demo/workshop.hpp"

namespace relaunch::demo {

class SupervisorCommand {
 public:
  /// `workshop` outlives it; its folder holds the supervisor's folders too.
  explicit SupervisorCommand(const Workshop& workshop) : workshop_(workshop) {}

  /// A build with shared libraries has no command.
  static bool built();

  /// `server` below a supervisor that builds it anew with `build`.
  os::LaunchRequest over(os::LaunchRequest server,
                         const Workshop::Words& build) const;
  /// Shows a verb and its answer. False: the verb failed, or there is no
  /// `expected` in its answer.
  bool ask(const std::string& verb, std::string_view expected,
           const Terminal& terminal) const;

 private:
  Workshop::Words instance() const;

  const Workshop& workshop_;
};

}  // namespace relaunch::demo
