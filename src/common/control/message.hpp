// What a command and a coordinator say to each other: one request on a link,
// then its answers until the last. Grammar and limits: docs/protocol.md.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.hpp"
#include "common/control/target.hpp"
#include "common/protocol/frame.hpp"
#include "relaunch/outcome.hpp"

namespace relaunch::control {

/// The protocol of the control endpoint, apart from that of the channels.
inline constexpr std::uint16_t kMinVersion = 1;
inline constexpr std::uint16_t kMaxVersion = 1;
/// Of everything that is printed as JSON.
inline constexpr int kSchema = 1;

enum class Verb {
  upgrade,
  abort,
  stop,
  reload,
  status,
  history,
  metrics,
  events,
  rejoin,   ///< a generation that looks for its supervisor
  replace,  ///< the supervisor itself by its newest build
};
inline constexpr Verb kLastVerb = Verb::replace;
std::string_view to_string(Verb verb) noexcept;

struct Request {
  Verb verb = Verb::status;
  std::uint16_t min_version = kMinVersion;
  std::uint16_t max_version = kMaxVersion;
  UpgradeOrder order{};             ///< upgrade
  StopMode mode = StopMode::drain;  ///< stop
  bool follow = false;              ///< events: also those to come
  std::uint64_t since = 0;          ///< events: after this number
};
protocol::Frame to_frame(const Request& request);
/// errc::malformed_frame, errc::unexpected_message (a verb that is not known),
/// errc::version_mismatch. Unknown keys are ignored.
Result<Request> request_from(const protocol::Frame& frame);

struct Answer {
  enum class Kind {
    line,     ///< `text`: what a build printed
    event,    ///< `text`: an event as JSON
    data,     ///< `text`: JSON, or the metrics; the last
    done,     ///< the last
    outcome,  ///< the last of an upgrade
    error,    ///< the last
  };
  Kind kind = Kind::done;
  std::string text;
  Outcome outcome{};
  Error error{};

  bool is_last() const { return kind != Kind::line && kind != Kind::event; }
};
protocol::Frame to_frame(const Answer& answer);
Result<Answer> answer_from(const protocol::Frame& frame);

/// As printed by `relaunch upgrade --json`.
boost::json::object to_json(const Outcome& outcome);
/// When each began, in microseconds from the request.
boost::json::array to_json(const std::vector<PhaseTime>& phases);
/// From the request to the end; 0 if nothing was begun.
std::chrono::milliseconds duration_of(const Outcome& outcome);

}  // namespace relaunch::control
