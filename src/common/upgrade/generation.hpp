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

#include "common/os/process.hpp"
#include "common/release/store.hpp"
#include "common/upgrade/coordinator.hpp"
#include "common/upgrade/departures.hpp"

namespace relaunch::upgrade {

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
  /// Gives it what it is to have: event::Adopted when it has.
  virtual void welcome() = 0;
  virtual void ask_health() = 0;
  virtual void give_turn() = 0;
  /// It stops accepting, gives the turn back, finishes and ends.
  virtual void take_turn_back(std::chrono::milliseconds drain) = 0;
  virtual void commit(std::chrono::milliseconds drain,
                      std::chrono::milliseconds grace) = 0;
  /// Listeners that it did not take.
  virtual const std::set<std::string>& unclaimed() const = 0;

  // At any time.

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
