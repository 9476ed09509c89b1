// Whose place a successor takes: this very process in library mode, the
// generation that serves (or nobody) under a supervisor.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/os/system.hpp"
#include "common/upgrade/generation.hpp"

namespace relaunch::upgrade {

/// All calls on the library's thread.
class Host {
 public:
  virtual ~Host() = default;

  /// Why no upgrade can begin here, with the way out; nothing if one can.
  virtual std::optional<std::string> why_not() const = 0;
  /// The incumbent's process; 0: nobody serves.
  virtual os::ProcessId pid() const = 0;

  virtual std::unique_ptr<Generation> make_successor(Generation::Tell tell) = 0;
  /// Incumbent and successor can reach each other from here on, if both embed
  /// the library. Without it what lives behind the listeners is drained. On an
  /// error they cannot: the upgrade must end.
  virtual Result<void> introduce(Generation& successor) = 0;
  /// The incumbent stops accepting, but on what this successor did not take;
  /// `done` when it has. At once if nobody serves.
  virtual void pause(const Generation& successor,
                     std::function<void()> done) = 0;
  /// It is ended by force; then it has paused. Not in library mode.
  virtual void end_incumbent() {}
  /// It accepts again, also if it has not finished to pause.
  virtual void resume() = 0;
  /// The successor is committed, and whoever asked has been answered: the
  /// incumbent drains.
  virtual void succeed(std::unique_ptr<Generation> successor,
                       const release::Release& release) = 0;
  /// The operator's stop: drain, and end.
  virtual void leave() = 0;
  /// An upgrade has ended otherwise than by a commit; nothing is under way.
  virtual void ended(const Outcome&) {}
};

}  // namespace relaunch::upgrade
