// What an upgrade came to, and what a generation is doing now.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "relaunch/export.hpp"

namespace relaunch {

/// The phases of one upgrade, in their order. `idle`: none is under way.
enum class Phase {
  idle,
  build,
  stage,
  launch,
  prepare,
  switching,
  probation,
  commit,
  drain,
  done,
};
RELAUNCH_EXPORT std::string_view to_string(Phase phase) noexcept;

/// When a phase began, counted from the request, on the steady clock. Of what
/// has ended, Phase::done comes last: that is how long it took.
struct PhaseTime {
  Phase phase = Phase::idle;
  std::chrono::microseconds at{0};
};

/// The true end of one upgrade.
struct Outcome {
  enum class Result {
    done,           ///< the new generation serves and is committed
    nothing_to_do,  ///< the build is the release that runs already
    failed,         ///< before the switch: the incumbent served throughout
    rolled_back,    ///< after the switch: the incumbent serves again
    refused,        ///< nothing was started (busy, not possible here)
  };
  Result result = Result::refused;
  /// Where it ended; for `done` it is Phase::commit, where nothing was started
  /// Phase::idle.
  Phase phase = Phase::idle;
  /// Why, if not done: a relaunch::errc or an error of the system.
  std::error_code code;
  /// One sentence: what was attempted, on what, why it failed.
  std::string reason;
  /// The generation that serves now, and its process; both 0: nobody does.
  std::uint32_t serving_generation = 0;
  std::uint32_t serving_pid = 0;
  /// The release that was staged, if it came so far.
  std::string release;
  /// The last 64 KiB of what the build printed.
  std::string build_output;
  std::vector<PhaseTime> phases;

  bool ok() const {
    return result == Result::done || result == Result::nothing_to_do;
  }
};
RELAUNCH_EXPORT std::string_view to_string(Outcome::Result result) noexcept;

/// A snapshot.
struct Status {
  std::uint32_t generation = 1;
  std::uint32_t pid = 0;
  /// Content hash of the staged release; empty while the first generation runs
  /// from the build's own output.
  std::string release;
  Phase phase = Phase::idle;
  /// Whoever is to take its place, from its start to the commit or its end;
  /// both 0: there is none.
  std::uint32_t successor_generation = 0;
  std::uint32_t successor_pid = 0;
  /// Since this generation's Upgrader was constructed.
  std::chrono::milliseconds uptime{0};
  /// Of the upgrade that is under way, else of the last one.
  std::vector<PhaseTime> phases;
  /// How the last upgrade that this generation coordinated ended; empty before
  /// the first.
  std::string last_outcome;
  /// How the last generation that was to leave has left: "generation 3 (pid
  /// 71) left after 40 ms", "… was killed at the drain deadline".
  std::string last_departure;
};

}  // namespace relaunch
