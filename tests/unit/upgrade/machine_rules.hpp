// What each machine keeps to, whatever events come in whatever order: found
// out from its events and actions alone.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "common/upgrade/coordinator.hpp"
#include "common/upgrade/successor.hpp"

namespace relaunch::upgrade {

template <typename Action, typename Actions>
const Action* find(const Actions& actions) {
  for (const auto& action : actions) {
    if (const auto* found = std::get_if<Action>(&action)) return found;
  }
  return nullptr;
}
template <typename Action, typename Actions>
bool has(const Actions& actions) {
  return find<Action>(actions) != nullptr;
}

/// What is irrevocable: the commit message, after which the successor stays;
/// and the leaving of the incumbent, which closes its listeners.
class CoordinatorRules {
 public:
  /// To be told each event with what came of it. The first rule that is broken
  /// stays.
  void after(const CoordinatorEvent& event, const CoordinatorActions& actions,
             const Coordinator& machine);
  const std::optional<std::string>& broken() const { return broken_; }
  bool is_armed(Timer timer) const { return armed_.count(timer) > 0; }
  bool has_successor() const { return attempt_ && attempt_->launched; }

 private:
  struct Attempt {
    bool launched = false;  ///< a successor was started, and not seen to end
    bool paused = false;    ///< this generation was told to stop accepting
    bool given = false;     ///< the turn
    bool was_given = false;
    bool asked_back = false;
    bool may_resume = true;  ///< nobody else can have the turn
    bool killed = false;
    bool lost = false;  ///< the channel
    bool recorded = false;
    bool told = false;  ///< the successor, of its commit
  };

  void note(const CoordinatorEvent& event);
  void check_refusal(const CoordinatorEvent& event,
                     const CoordinatorActions& actions);
  void check_state(const Coordinator& machine);
  void check_deadlines(const Coordinator& machine);

  void run(const action::Arm& arm);
  void run(const action::Disarm& disarm);
  void run(const action::Launch&);
  void run(const action::PauseAccepting&);
  void run(const action::GiveTurn&);
  void run(const action::TakeTurnBack&);
  void run(const action::KillSuccessor&);
  void run(const action::ResumeAccepting&);
  void run(const action::WatchSuccessorLeave&);
  void run(const action::Record&);
  void run(const action::RestoreRecord&);
  void run(const action::Commit&);
  void run(const action::AnswerAndSucceed&);
  void run(const action::Finish& finish);
  void run(const action::Leave&);
  template <typename Action>
  void run(const Action&) {}

  void must(bool kept, const char* rule) {
    if (!kept && !broken_) broken_ = rule;
  }

  std::optional<std::string> broken_;
  std::optional<Attempt> attempt_;
  CoordinatorEvent event_ = event::AbortRequested{};
  std::map<Timer, Wait> armed_;
  bool failure_known_ = false;
  bool stop_requested_ = false;
  bool leaving_ = false;
};

/// What is irrevocable here: to stay, and to leave.
class SuccessorRules {
 public:
  void begun(const SuccessorActions& actions) { note_timer(actions); }
  void after(const SuccessorEvent& event, const SuccessorActions& actions,
             const Successor& machine);
  const std::optional<std::string>& broken() const { return broken_; }
  bool is_armed() const { return armed_.has_value(); }

 private:
  void note_timer(const SuccessorActions& actions);
  void check_turn(const SuccessorEvent& event, const SuccessorActions& actions);
  void check_end(const SuccessorEvent& event, const SuccessorActions& actions);
  void check_deadline(const Successor& machine);
  void must(bool kept, const char* rule) {
    if (!kept && !broken_) broken_ = rule;
  }

  std::optional<std::string> broken_;
  std::optional<action::ArmSuccessor::Wait> armed_;
  bool ready_ = false;    ///< it said so
  bool turn_ = false;     ///< given to it
  bool yielded_ = false;  ///< it has stopped accepting, when it was told to
  bool gone_ = false;     ///< the incumbent
  bool lost_ = false;     ///< the channel
  bool expired_ = false;  ///< the deadline of this step
  bool over_ = false;     ///< it stays, or leaves
  bool stop_requested_ = false;
};

}  // namespace relaunch::upgrade
