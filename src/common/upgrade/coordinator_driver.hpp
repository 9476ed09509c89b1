// Runs what the coordinator decides: build, stage, launch, hand over, switch,
// watch, commit. One function for each action.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/upgrade/context.hpp"
#include "common/upgrade/coordinator.hpp"
#include "common/upgrade/deadline_timer.hpp"
#include "common/upgrade/departures.hpp"
#include "common/upgrade/event_queue.hpp"
#include "common/upgrade/host.hpp"
#include "common/upgrade/release_maker.hpp"
#include "common/upgrade/upgrade_events.hpp"

namespace relaunch::upgrade {

/// What is to be brought up. Where nothing else is said: what the artifact is
/// after the build.
struct Order {
  UpgradeRequest request;
  /// Staged in place of the configured artifact, and nothing is built.
  std::optional<release::Artifact> artifact;
  /// Started as it is: a release that was kept, or a program without one.
  std::optional<release::Release> release;
  /// In place of those that the generation before was started with.
  std::optional<std::vector<std::string>> arguments;
  /// A supervisor's own start or restart: no upgrade that somebody asked for.
  bool start = false;
  /// Somebody forces it: an incumbent that does not stop accepting is ended.
  bool insists = false;

  static Order asked_for(const UpgradeRequest& request) {
    Order order;
    order.request = request;
    order.insists = request.force;
    return order;
  }
};

/// All calls on the library's thread.
class CoordinatorDriver {
 public:
  CoordinatorDriver(Context& context, Host& host, Departures& departures,
                    Coordinator::AfterCommit after_commit);
  /// Cancels the build and the staging, and kills a successor that does not
  /// have the turn; one that has it goes on alone.
  ~CoordinatorDriver();

  using OnLine = std::function<void(std::string_view)>;
  using OnEnd = std::function<void(const Outcome&)>;
  void request(Order order, OnLine on_line, OnEnd on_end);
  /// Answers that nothing was started.
  void refuse(const OnEnd& on_end, std::error_code why, std::string reason);
  /// False: nothing is under way.
  bool abort();
  void stop() { feed(event::StopRequested{}); }
  void end_probation() { feed(event::ProbationEnded{}); }
  /// The process whose place the successor takes has ended.
  void incumbent_gone(std::string status) {
    feed(event::IncumbentEnded{std::move(status)});
  }
  Phase phase() const { return machine_.phase(); }
  /// The operator's stop has been carried out.
  bool left() const { return machine_.step() == Coordinator::Step::leaving; }
  bool idle() const { return machine_.step() == Coordinator::Step::idle; }

 private:
  struct Attempt {
    Order order;
    LaunchPlan plan;
    OnLine on_line;
    OnEnd on_end;
    std::chrono::steady_clock::time_point began;
    std::vector<PhaseTime> phases;
    std::string build_output;
    release::Release release;
    std::unique_ptr<Generation> successor;
  };

  void feed(CoordinatorEvent event);
  void note_phase();
  std::chrono::microseconds elapsed() const;

  void run(const action::StartBuild&);
  void run(const action::CancelBuild&);
  void run(const action::Stage&);
  void run(const action::CancelStage&);
  void run(const action::Launch&);
  void run(const action::Welcome&);
  void run(const action::AskHealth&);
  void run(const action::PauseAccepting&);
  void run(const action::EndIncumbent&);
  void run(const action::GiveTurn&);
  void run(const action::ResumeAccepting&);
  void run(const action::TakeTurnBack&);
  void run(const action::KillSuccessor&);
  void run(const action::WatchSuccessorLeave&);
  void run(const action::Record&);
  void run(const action::RestoreRecord&);
  void run(const action::Commit&);
  void run(const action::AnswerAndSucceed&);
  void run(const action::Finish&);
  void run(const action::RefuseRequest&);
  void run(const action::Leave&);
  void run(const action::Arm&);
  void run(const action::Disarm&);

  /// Nothing is started; it is told like the end of an upgrade.
  void decline(const OnEnd& on_end, const Outcome& outcome);
  bool serves_already(const Order& order) const;
  event::From begins_at(const Order& order) const;
  Outcome outcome(Outcome::Result result) const;
  void end_attempt(const Outcome& outcome);
  void answer(const Outcome& outcome);
  DeadlineTimer& timer(Timer which);
  std::chrono::milliseconds length(Wait wait) const;

  Context& context_;
  Host& host_;
  Departures& departures_;
  Coordinator machine_;
  ReleaseMaker maker_;
  DeadlineTimer step_timer_;
  DeadlineTimer health_timer_;
  DeadlineTimer lost_timer_;
  EventQueue<CoordinatorEvent> events_;
  UpgradeEvents told_;
  std::uint64_t pauses_ = 0;
  std::unique_ptr<Attempt> attempt_;
  /// Who asked while an upgrade was under way, until they are refused.
  OnEnd refused_;
};

}  // namespace relaunch::upgrade
