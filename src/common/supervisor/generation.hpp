// A generation below a supervisor: the successor of an upgrade, then the one
// that serves, then one that leaves.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "common/upgrade/generation.hpp"
#include "relaunch/upgrader.hpp"

namespace relaunch::supervisor {

/// What the supervisor is told by a generation that serves. None is called any
/// more once it has been muted.
struct Reports {
  /// Its process has ended: "exit code 3".
  std::function<void(std::string status)> gone;
  /// It runs, but cannot be reached or is no good any more (its channel broke,
  /// its watchdog is silent).
  std::function<void(Error)> lost;
  /// What whoever can reach it has asked of it.
  std::function<void(UpgradeRequest, std::function<void(std::string_view)>,
                     std::function<void(const Outcome&)>)>
      upgrade;
  std::function<void()> abort;
  std::function<void()> stop;
};

class SupervisedGeneration : public upgrade::Generation {
 public:
  /// From its commit on; events of the coordinator are told no more.
  virtual void serve(Reports reports) = 0;
  /// It stops accepting, but on what the successor did not take; `done` when
  /// it has, or has ended. One that cannot pause goes on: `done` at once.
  virtual void pause(const upgrade::Generation& successor,
                     std::function<void()> done) = 0;
  /// It accepts again, also if it has not finished to pause.
  virtual void resume() = 0;
  /// It finishes what it accepted, in this time, and ends; whoever calls
  /// watches that it does.
  virtual void drain(std::chrono::milliseconds drain) = 0;
  /// What its own Upgrader::status() is to say of upgrades.
  virtual void tell(const Status&) {}
};

}  // namespace relaunch::supervisor
