// Who permits and watches an upgrade: a pure state machine.
//
// No clock, no system, no logging: an event goes in, actions come out, and a
// driver runs them. What stays true whatever the order of events:
// - the incumbent is told to accept again only when the successor has given
//   the turn back, never had it, or is known to be gone or killed;
// - nothing that cannot be taken back happens before the record is durable;
// - every step has a deadline; an ended upgrade leaves the machine idle.
#pragma once

#include <chrono>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "relaunch/error.hpp"
#include "relaunch/outcome.hpp"

namespace relaunch::upgrade {

/// The deadlines that a machine arms; the driver knows how long each is.
enum class Wait {
  build,
  stage,
  hello,
  ready,
  pause,
  turn,
  probation,
  health,
  health_interval,
  lost,   ///< the channel is lost: how long until the process must be gone
  grace,  ///< it has said why it ends: how long until it must have ended
  kill,   ///< it was killed, or work was cancelled: until that must show
};

/// One deadline of each kind runs at a time.
enum class Timer { step, health, lost };

/// Why an upgrade is being ended.
struct Failure {
  Phase phase = Phase::idle;
  Error error{errc::stopped, {}};
  /// The release itself is at fault: it is held.
  bool blames_release = false;
  /// The successor had the turn, or it was on its way.
  bool after_switch = false;
};

namespace event {
/// Where an upgrade begins.
enum class From {
  build,
  stage,   ///< the artifact as it is
  launch,  ///< a release that is known
};
struct Requested {
  From from = From::build;
  bool nobody_serves = false;  ///< a start: there is nobody to go back to
  /// An incumbent that does not stop accepting in time is ended. Only a
  /// supervisor can do that and still hold the listeners.
  bool insists = false;
};
struct Built {
  std::optional<Error> error;
};
struct Staged {
  bool nothing_to_do = false;
  std::optional<Error> error;
};
struct Launched {
  std::optional<Error> error;
};
struct HelloReceived {};
/// All listeners have arrived at the successor.
struct Adopted {};
/// What the successor said cannot be accepted, or it says that it gives up.
struct SuccessorFailed {
  Error error{errc::stopped, {}};
  bool blames_release = true;  ///< false: the incumbent could not give
  bool ends = false;           ///< it says so itself, and is about to end
};
struct SuccessorReady {};
struct ReadyExtended {
  std::chrono::milliseconds more{0};  ///< within the cap; counted from now
};
struct HealthAnswered {
  bool healthy = false;
};
/// The incumbent has stopped accepting.
struct Paused {};
struct SuccessorServing {};
struct TurnReturned {};
struct Recorded {
  std::optional<Error> error;
};
/// The successor has taken over.
struct CommitAcknowledged {};
/// The successor's process has ended; the channel closed, or broke.
struct SuccessorGone {
  std::string status;
};
struct ChannelLost {
  Error error{errc::stopped, {}};
};
struct Expired {
  Timer timer = Timer::step;
};
/// The process whose place the successor takes has ended. Only a supervisor
/// lives to see that.
struct IncumbentEnded {
  std::string status;
};
struct AbortRequested {};
struct StopRequested {};
struct ProbationEnded {};  ///< by request, not by time
}  // namespace event

using CoordinatorEvent = std::variant<
    event::Requested, event::Built, event::Staged, event::Launched,
    event::HelloReceived, event::Adopted, event::SuccessorFailed,
    event::SuccessorReady, event::ReadyExtended, event::HealthAnswered,
    event::Paused, event::SuccessorServing, event::TurnReturned,
    event::Recorded, event::CommitAcknowledged, event::SuccessorGone,
    event::ChannelLost, event::Expired, event::IncumbentEnded,
    event::AbortRequested, event::StopRequested, event::ProbationEnded>;

namespace action {
struct StartBuild {};
struct CancelBuild {};
struct Stage {};
struct CancelStage {};
struct Launch {};
struct Welcome {};  ///< answer the hello and give the listeners
struct AskHealth {};
struct PauseAccepting {};
struct EndIncumbent {};  ///< IncumbentEnded and Paused tell that it is
struct GiveTurn {};
struct ResumeAccepting {};
struct TakeTurnBack {};  ///< ask the successor for it
struct KillSuccessor {};
/// The successor leaves by itself: watch that it does, within its deadline.
struct WatchSuccessorLeave {};
struct Record {};         ///< the successor's release is the committed one
struct RestoreRecord {};  ///< the incumbent's is, after all
struct Commit {};         ///< tell the successor
/// Whoever asked is answered; then the incumbent drains.
struct AnswerAndSucceed {};
/// The upgrade has ended otherwise than by a commit.
struct Finish {
  Outcome::Result result = Outcome::Result::failed;
};
struct RefuseRequest {
  errc why = errc::busy;
};
struct Leave {};  ///< the operator's stop: who serves drains
struct Arm {
  Timer timer = Timer::step;
  Wait wait = Wait::kill;
  std::optional<std::chrono::milliseconds> instead{};  ///< this long
};
struct Disarm {
  Timer timer = Timer::step;
};
}  // namespace action

using CoordinatorAction = std::variant<
    action::StartBuild, action::CancelBuild, action::Stage, action::CancelStage,
    action::Launch, action::Welcome, action::AskHealth, action::PauseAccepting,
    action::EndIncumbent, action::GiveTurn, action::ResumeAccepting,
    action::TakeTurnBack, action::KillSuccessor, action::WatchSuccessorLeave,
    action::Record, action::RestoreRecord, action::Commit,
    action::AnswerAndSucceed, action::Finish, action::RefuseRequest,
    action::Leave, action::Arm, action::Disarm>;
using CoordinatorActions = std::vector<CoordinatorAction>;

/// What tests and logs call each of them.
constexpr std::string_view name_of(const CoordinatorAction& action) {
  constexpr std::string_view kNames[] = {"start-build",
                                         "cancel-build",
                                         "stage",
                                         "cancel-stage",
                                         "launch",
                                         "welcome",
                                         "ask-health",
                                         "pause-accepting",
                                         "end-incumbent",
                                         "give-turn",
                                         "resume-accepting",
                                         "take-turn-back",
                                         "kill-successor",
                                         "watch-successor-leave",
                                         "record",
                                         "restore-record",
                                         "commit",
                                         "answer-and-succeed",
                                         "finish",
                                         "refuse-request",
                                         "leave",
                                         "arm",
                                         "disarm"};
  static_assert(std::size(kNames) == std::variant_size_v<CoordinatorAction>);
  return kNames[action.index()];
}

class Coordinator {
 public:
  /// What the coordinator does when an upgrade is committed.
  enum class AfterCommit {
    leaves,  ///< it is the incumbent: the successor coordinates from there on
    stays,   ///< it is a supervisor
  };
  enum class Step {
    idle,
    building,
    staging,
    launching,
    greeting,   ///< started; its hello is awaited
    adopting,   ///< the listeners are on their way
    preparing,  ///< it initialises; its ready is awaited
    checking,   ///< ready; its health is asked before the switch
    pausing,    ///< the incumbent stops accepting
    switching,  ///< the turn is on its way
    probation,
    taking_back,
    giving_up,  ///< the successor has said why it cannot, and is to end
    ending,     ///< it was killed; its end is awaited
    committing,
    confirming,  ///< the successor knows; its word for it is awaited
    leaving,     ///< this generation drains: after a commit, or by a stop
  };

  explicit Coordinator(AfterCommit after_commit = AfterCommit::leaves)
      : stays_(after_commit == AfterCommit::stays) {}

  CoordinatorActions on(const CoordinatorEvent& event);

  Step step() const { return step_; }
  Phase phase() const;
  /// Why the upgrade under way is ending, or the last one ended.
  const std::optional<Failure>& failure() const { return failure_; }
  /// May the incumbent accept? False from the turn's leaving until it is back.
  bool holds_turn() const { return holds_turn_; }

 private:
  using Actions = CoordinatorActions;

  Actions in_idle(const CoordinatorEvent&);
  Actions in_building(const CoordinatorEvent&);
  Actions in_staging(const CoordinatorEvent&);
  Actions in_launching(const CoordinatorEvent&);
  Actions before_switch(const CoordinatorEvent&);
  Actions in_pausing(const CoordinatorEvent&);
  Actions in_switching(const CoordinatorEvent&);
  Actions in_probation(const CoordinatorEvent&);
  Actions in_taking_back(const CoordinatorEvent&);
  Actions in_ending(const CoordinatorEvent&);
  Actions in_committing(const CoordinatorEvent&);
  Actions in_confirming(const CoordinatorEvent&);

  Actions end_upgrade(Error error, bool blames_release);
  Actions incumbent_gone(const event::IncumbentEnded& gone);
  Actions successor_gone(const event::SuccessorGone& gone);
  Actions channel_lost(const event::ChannelLost& lost);
  Actions gives_up(const event::SuccessorFailed& failed);
  Actions kill_successor();
  Actions ask_health();
  Actions commit();
  Actions finish();
  void note_failure(Error error, bool blames_release);
  Error expired_error() const;

  bool stays_ = false;
  bool insists_ = false;
  bool nobody_serves_ = false;  ///< but the successor
  Step step_ = Step::idle;
  std::optional<Failure> failure_;
  std::optional<Error> lost_;
  bool holds_turn_ = true;
  bool stop_wanted_ = false;
  bool awaiting_health_ = false;
  bool probation_over_ = false;
  bool successor_gone_ = false;
  bool recorded_ = false;  ///< the successor's release, in this attempt
};

}  // namespace relaunch::upgrade
