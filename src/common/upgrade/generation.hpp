// A generation as its coordinator sees it.
//
// First it is the successor of an upgrade; under a supervisor it becomes the
// incumbent with its commit, until the next successor takes its place.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/handover/listeners.hpp"
#include "common/os/handle.hpp"
#include "common/os/process.hpp"
#include "common/release/store.hpp"
#include "common/upgrade/coordinator.hpp"
#include "common/upgrade/departures.hpp"
#include "relaunch/upgrader.hpp"

namespace relaunch::upgrade {

/// What a supervisor is told by a generation that serves. None is called any
/// more once it has been muted.
struct Reports {
  using OnLine = std::function<void(std::string_view)>;
  using OnEnd = std::function<void(const Outcome&)>;

  /// Its process has ended: "exit code 3".
  std::function<void(std::string status)> gone;
  /// It runs, but cannot be reached or is no good any more: its channel broke,
  /// its watchdog is silent.
  std::function<void(Error)> lost;
  /// What whoever can reach it has asked of it.
  std::function<void(UpgradeRequest, OnLine, OnEnd)> upgrade;
  std::function<void()> abort;
  std::function<void()> stop;
};

/// All calls and callbacks on the library's thread. Destroying it leaves the
/// process be.
class Generation {
 public:
  using Tell = std::function<void(CoordinatorEvent)>;

  virtual ~Generation() = default;

  // As the successor; what comes of it is told as events of the coordinator.

  /// Starts the release. On an error nothing runs.
  virtual Result<void> launch(const release::Release& release,
                              LaunchPlan plan) = 0;
  /// Answers its hello. event::Adopted when it has what it is to have.
  virtual void welcome() = 0;
  /// After it was introduced, so that it knows whom to ask for the rest.
  virtual void hand_over_listeners() {}
  virtual void ask_health() = 0;
  virtual void give_turn() = 0;
  /// It stops accepting, gives the turn back, finishes and ends.
  virtual void take_turn_back(std::chrono::milliseconds drain) = 0;
  virtual void commit(std::chrono::milliseconds drain,
                      std::chrono::milliseconds grace) = 0;
  /// Listeners that it did not take.
  virtual const std::set<std::string>& unclaimed() const = 0;
  /// Those that it opened itself, for its supervisor to keep; once.
  virtual std::vector<handover::OpenedListener> take_opened() = 0;

  // As the incumbent of a supervisor.

  /// From its commit on; events of the coordinator are told no more.
  virtual void serve(Reports reports) = 0;
  /// It stops accepting, but on what the successor did not take; `done` when
  /// it has. One that cannot pause goes on: `done` at once.
  virtual void pause(const Generation& successor,
                     std::function<void()> done) = 0;
  /// It accepts again, also if it has not finished to pause.
  virtual void resume() = 0;
  /// It finishes what it accepted, in this time, and ends; whoever calls
  /// watches that it does.
  virtual void drain(std::chrono::milliseconds drain) = 0;
  /// What its own Upgrader::status() is to say of upgrades.
  virtual void report(const Status& status) = 0;

  // At any time.

  /// One end of a fresh link to `other`, to whom it gives (as the incumbent) or
  /// from whom it takes what lives behind the listeners. One that does not
  /// embed the library has no use for it.
  virtual void introduce(os::Handle /*end*/,
                         std::shared_ptr<os::Process> /*other*/,
                         bool /*gives*/) {}
  /// Shared with whoever watches it leave; none before it was launched.
  virtual const std::shared_ptr<os::Process>& process() const = 0;
  /// Asks nothing and returns at once.
  virtual void kill() = 0;
  /// Its end is of no interest any more; its channel stays open.
  virtual void stop_watching() = 0;
  /// Nothing is told from here on.
  virtual void mute() = 0;
};

/// Its process, for whoever watches it leave; the generation goes with it.
inline Departures::Leaver leaver_of(std::shared_ptr<Generation> generation) {
  generation->stop_watching();
  generation->mute();
  Departures::Leaver leaver;
  leaver.process = generation->process();
  leaver.keep = std::move(generation);
  return leaver;
}

}  // namespace relaunch::upgrade
