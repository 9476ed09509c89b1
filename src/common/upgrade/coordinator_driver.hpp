// Runs what the coordinator decides: build, stage, launch, hand over, switch,
// watch, commit. One function for each action.
#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "common/build/runner.hpp"
#include "common/os/channel.hpp"
#include "common/os/process.hpp"
#include "common/protocol/message.hpp"
#include "common/upgrade/context.hpp"
#include "common/upgrade/coordinator.hpp"
#include "common/upgrade/deadline_timer.hpp"
#include "common/upgrade/departures.hpp"
#include "common/upgrade/peer_end.hpp"
#include "common/upgrade/this_generation.hpp"

namespace relaunch::upgrade {

/// All calls on the library's thread.
class CoordinatorDriver {
 public:
  CoordinatorDriver(Context& context, ThisGeneration& self,
                    Departures& departures);
  /// Cancels the build and the staging, and kills a successor that does not
  /// have the turn; one that has it goes on alone.
  ~CoordinatorDriver();

  using OnLine = std::function<void(std::string_view)>;
  using OnEnd = std::function<void(const Outcome&)>;
  void request(UpgradeRequest request, OnLine on_line, OnEnd on_end);
  void abort() { feed(event::AbortRequested{}); }
  void stop() { feed(event::StopRequested{}); }
  bool idle() const { return machine_.step() == Coordinator::Step::idle; }

 private:
  // What one attempt owns.
  struct Attempt {
    explicit Attempt(boost::asio::io_context& io) : end(io) {}
    UpgradeRequest request;
    OnLine on_line;
    OnEnd on_end;
    std::chrono::steady_clock::time_point began;
    std::vector<PhaseTime> phases;
    std::string build_output;
    release::Release release;
    os::Process process;
    PeerEnd end;
    std::unique_ptr<os::Channel> channel;
    os::Handle own_process;  ///< kept until it has been sent
    std::vector<std::vector<handover::ListenerSet::Entry>> batches;
    std::set<std::string> unclaimed;
    std::uint32_t question = 0;
    std::chrono::steady_clock::time_point adopted;
  };

  void feed(CoordinatorEvent event);
  void note_phase();
  void refuse(const OnEnd& on_end, errc why);

  void run(const action::StartBuild&);
  void run(const action::CancelBuild&);
  void run(const action::Stage&);
  void run(const action::CancelStage&);
  void run(const action::Launch&);
  void run(const action::Welcome&);
  void run(const action::AskHealth&);
  void run(const action::PauseAccepting&);
  void run(const action::GiveTurn&);
  void run(const action::ResumeAccepting&);
  void run(const action::TakeTurnBack&);
  void run(const action::KillSuccessor&);
  void run(const action::WatchSuccessorLeave&);
  void run(const action::Record&);
  void run(const action::RestoreRecord&);
  void run(const action::Commit&);
  void run(const action::Finish&);
  void run(const action::RefuseRequest&);
  void run(const action::Leave&);
  void run(const action::Arm&);
  void run(const action::Disarm&);

  void free_artifact_file();
  struct StageResult {
    release::Release release;
    event::Staged event;
  };
  StageResult stage(const release::Artifact& artifact, std::string running,
                    bool force);
  Result<void> launch();
  Result<void> start_successor(os::ChannelPair channel);
  void send_batch(std::uint32_t batch);
  void on_message(os::Received received);
  void on_hello(const protocol::Hello& hello);
  void on(const protocol::Message& message);
  void send(const protocol::Message& message,
            std::vector<os::Outgoing> handles = {});
  Outcome outcome(Outcome::Result result) const;
  void end_attempt(const Outcome& outcome);
  DeadlineTimer& timer(Timer which);
  std::chrono::milliseconds length(Wait wait) const;

  Context& context_;
  ThisGeneration& self_;
  Departures& departures_;
  Coordinator machine_;
  std::unique_ptr<build::Runner> runner_;
  DeadlineTimer step_timer_;
  DeadlineTimer health_timer_;
  DeadlineTimer lost_timer_;
  std::deque<CoordinatorEvent> events_;
  bool running_ = false;
  std::unique_ptr<Attempt> attempt_;
  /// Who asked while an upgrade was under way, until they are refused.
  OnEnd refused_;
  std::atomic<bool> stage_cancelled_{false};
  std::thread stage_thread_;
  std::uint64_t stagings_ = 0;
};

}  // namespace relaunch::upgrade
