// How a generation that was started by another comes to serve: a pure state
// machine, the counterpart of Coordinator.
//
// What stays true whatever the order of events:
// - it accepts only while it has the turn: given by the incumbent, or its own
//   because the incumbent's process is known to be gone;
// - whoever is left alone goes on alone, and nobody waits for ever.
#pragma once

#include <iterator>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "relaunch/error.hpp"
#include "relaunch/outcome.hpp"

namespace relaunch::upgrade {

namespace event {
struct Welcomed {};
/// The last listener has been adopted.
struct AllAdopted {};
/// What was given cannot be used, or the handshake failed.
struct CannotAdopt {
  Error error{errc::stopped, {}};
};
struct ApplicationReady {};
struct TurnReceived {};
/// on_take has run and this generation accepts.
struct Accepting {};
struct GiveBackReceived {};
/// This generation has stopped accepting and on_yield has run.
struct Yielded {};
struct CommitReceived {};
/// Its process has ended.
struct IncumbentGone {};
struct IncumbentLost {
  Error error{errc::stopped, {}};
};
struct SuccessorExpired {};
struct SuccessorStopRequested {};
/// The supervisor wants the turn for a successor.
struct PauseReceived {};
/// The process that was to take the turn has ended.
struct NextGone {};
/// The supervisor has taken a successor in this one's place, or stops.
struct DrainReceived {};
/// A supervisor has taken this generation in again.
struct Rejoined {};
}  // namespace event

using SuccessorEvent =
    std::variant<event::Welcomed, event::AllAdopted, event::CannotAdopt,
                 event::ApplicationReady, event::TurnReceived, event::Accepting,
                 event::GiveBackReceived, event::Yielded, event::CommitReceived,
                 event::IncumbentGone, event::IncumbentLost,
                 event::SuccessorExpired, event::SuccessorStopRequested,
                 event::PauseReceived, event::NextGone, event::DrainReceived,
                 event::Rejoined>;

namespace action {
struct SendReady {};
struct TakeTurn {};  ///< on_take, then accept
struct SendServing {};
struct YieldTurn {};  ///< stop accepting, then on_yield
struct SendTurn {};
/// Write the record: there is nobody else who could.
struct RecordAlone {};
/// It stays; from here on it coordinates. `watch`: an incumbent is to leave.
struct Stay {
  bool watch_incumbent = false;
};
/// Tell the incumbent that it may go.
struct SendCommitted {};
/// No incumbent any more: what was not inherited is opened anew.
struct GoOnAlone {};
/// This process is not needed: finish what was taken, and end.
struct LeaveAgain {};
/// It cannot become a generation: say so, tell the application, end.
struct GiveUp {
  Error error{errc::stopped, {}};
};
struct ForwardStop {};
struct ArmSuccessor {
  enum class Wait { hello, ready_cap, turn, lost } wait = Wait::hello;
};
struct DisarmSuccessor {};
/// Nobody needs this generation any more: drain and end.
struct LeaveForGood {};
/// Look for a supervisor.
struct Rejoin {};
/// The turn is not with this process: whoever may have it is watched.
struct WatchNext {};
}  // namespace action

using SuccessorAction =
    std::variant<action::SendReady, action::TakeTurn, action::SendServing,
                 action::YieldTurn, action::SendTurn, action::RecordAlone,
                 action::Stay, action::SendCommitted, action::GoOnAlone,
                 action::LeaveAgain, action::GiveUp, action::ForwardStop,
                 action::ArmSuccessor, action::DisarmSuccessor,
                 action::LeaveForGood, action::Rejoin, action::WatchNext>;
using SuccessorActions = std::vector<SuccessorAction>;

/// What tests and logs call each of them.
constexpr std::string_view name_of(const SuccessorAction& action) {
  constexpr std::string_view kNames[] = {
      "send-ready",  "take-turn",    "send-serving",   "yield-turn",
      "send-turn",   "record-alone", "stay",           "send-committed",
      "go-on-alone", "leave-again",  "give-up",        "forward-stop",
      "arm",         "disarm",       "leave-for-good", "rejoin",
      "watch-next"};
  static_assert(std::size(kNames) == std::variant_size_v<SuccessorAction>);
  return kNames[action.index()];
}

class Successor {
 public:
  enum class Step {
    greeting,      ///< hello is sent, the welcome awaited
    adopting,      ///< listeners are on their way
    initialising,  ///< the application works; its ready() is awaited
    waiting,       ///< ready; the turn is awaited
    taking,        ///< it has the turn and is about to accept
    serving,       ///< in probation
    giving_back,   ///< it stops accepting, to give the turn back
    left,          ///< it drains and ends, or has given up
    committed,
    pausing,  ///< supervised: it stops accepting for a successor
    paused,   ///< supervised: the turn is with the supervisor or the successor
  };

  /// `supervised`: what stands in the incumbent's place is a supervisor, which
  /// stays.
  explicit Successor(bool supervised = false) : supervised_(supervised) {}

  SuccessorActions on(const SuccessorEvent& event);
  /// What a driver runs before the first event.
  static SuccessorActions begin();

  Step step() const { return step_; }
  Phase phase() const;
  /// It has no incumbent any more.
  bool alone() const { return alone_; }
  /// Its coordinator is a supervisor.
  bool supervised() const { return supervised_; }
  /// The channel is, or the process at its other end is gone.
  bool lost() const { return lost_ || orphaned_; }
  /// It accepts, or is about to.
  bool has_turn() const {
    return step_ == Step::taking || step_ == Step::serving ||
           step_ == Step::committed;
  }
  bool is_committed() const { return step_ >= Step::committed; }

 private:
  using Actions = SuccessorActions;
  Actions progress(const SuccessorEvent& event);
  Actions under_supervisor(const SuccessorEvent& event);
  Actions supervisor_gone();
  Actions initialise(Actions actions);
  Actions application_ready();
  Actions incumbent_gone();
  Actions incumbent_lost(const event::IncumbentLost& lost);
  Actions expired();
  Actions stay_alone();
  Actions leave_alone();
  Actions give_up(Error error);

  Step step_ = Step::greeting;
  bool alone_ = false;
  bool supervised_;
  bool orphaned_ = false;  ///< the supervisor's process has ended
  bool lost_ = false;
  bool stop_wanted_ = false;
  bool ready_ = false;  ///< said before the listeners were here
};

}  // namespace relaunch::upgrade
