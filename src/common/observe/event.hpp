// One transition of an upgrade, a generation or the supervisor, and how it is
// written down. The same record goes to the log, to `relaunch events`, into the
// history and into the metrics.
#pragma once

#include <boost/json/fwd.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "relaunch/log.hpp"

namespace relaunch::observe {

/// What can happen. These names are promised (docs/operations.md): one that is
/// in a release is never renamed, and never gets another meaning.
namespace name {
inline constexpr std::string_view kUpgradeStarted = "upgrade.started";
/// It has entered `phase`; `duration` is what the phase before it took.
inline constexpr std::string_view kUpgradePhase = "upgrade.phase";
/// `outcome`, the `phase` it ended in, and the `duration` of the whole.
inline constexpr std::string_view kUpgradeEnded = "upgrade.ended";
/// The same for a start or a restart that a supervisor makes by itself: no
/// upgrade that somebody asked for, so it has no number and no history.
inline constexpr std::string_view kStartPhase = "start.phase";
inline constexpr std::string_view kStartEnded = "start.ended";

inline constexpr std::string_view kGenerationStarted = "generation.started";
/// `duration` since it was started.
inline constexpr std::string_view kGenerationReady = "generation.ready";
inline constexpr std::string_view kGenerationCommitted = "generation.committed";
inline constexpr std::string_view kGenerationDraining = "generation.draining";
/// Found running by a supervisor that was started again.
inline constexpr std::string_view kGenerationAdopted = "generation.adopted";
/// What a program said with `STATUS=`.
inline constexpr std::string_view kGenerationStatus = "generation.status";
/// It runs, but does not answer, or its link broke.
inline constexpr std::string_view kGenerationLost = "generation.lost";
/// `outcome` is one of `exit_reason`, `duration` how long it ran.
inline constexpr std::string_view kGenerationExited = "generation.exited";

/// `duration` until the start.
inline constexpr std::string_view kRestartScheduled = "restart.scheduled";
inline constexpr std::string_view kCrashLoop = "crash_loop";

inline constexpr std::string_view kListenerOpened = "listener.opened";
inline constexpr std::string_view kListenerClosed = "listener.closed";
/// A program had called shutdown() on it: what was queued is lost.
inline constexpr std::string_view kListenerReset = "listener.reset";

inline constexpr std::string_view kSupervisorStarted = "supervisor.started";
inline constexpr std::string_view kSupervisorReloaded = "supervisor.reloaded";
/// It has replaced itself by a new build.
inline constexpr std::string_view kSupervisorReplaced = "supervisor.replaced";
inline constexpr std::string_view kSupervisorStopping = "supervisor.stopping";
inline constexpr std::string_view kSupervisorStopped = "supervisor.stopped";

/// A sentence of the library's log that is no transition.
inline constexpr std::string_view kLog = "log";
}  // namespace name

/// Why a generation has left: the `outcome` of `generation.exited`.
namespace exit_reason {
inline constexpr std::string_view kDrained = "drained";  ///< as it was told
inline constexpr std::string_view kKilled = "killed";    ///< at a deadline
inline constexpr std::string_view kStuck =
    "stuck";  ///< killed, and still there
inline constexpr std::string_view kFailed = "failed";    ///< before its commit
inline constexpr std::string_view kCrashed = "crashed";  ///< while it served
}  // namespace exit_reason

/// A zero and an empty text mean: says nothing here, and are not written.
struct Event {
  std::uint64_t sequence = 0;                    ///< given by EventLog::add
  std::chrono::system_clock::time_point time{};  ///< now, if it has none there
  std::string name;
  LogLevel level = LogLevel::info;
  std::uint64_t upgrade = 0;
  std::uint32_t generation = 0;
  std::uint32_t pid = 0;
  std::string phase;
  std::string outcome;
  std::string release;
  std::string message;
  std::optional<std::chrono::milliseconds> duration;
};

std::string_view to_string(LogLevel level) noexcept;

/// "2026-11-22T23:14:05.120Z"
std::string to_timestamp(std::chrono::system_clock::time_point time);
std::optional<std::chrono::system_clock::time_point> from_timestamp(
    std::string_view text);

/// One line without its end, `key=value` separated by spaces. A value with
/// anything but plain characters stands in quotes; whatever it was, it cannot
/// begin another key, another line or a terminal sequence.
std::string to_logfmt(const Event& event);

/// For people: the name, `key=value`, the message; without the time and the
/// level, which the sink writes.
std::string to_text(const Event& event);

/// Control characters in texts are written as \xNN here too: they stay harmless
/// when a reader prints the decoded text.
boost::json::object to_json(const Event& event);
/// Unknown members are passed over, since a newer release may write more.
/// Nothing, if sequence, time or name are missing or a member has another type.
std::optional<Event> event_from_json(const boost::json::object& object);

}  // namespace relaunch::observe
