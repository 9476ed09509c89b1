// Runs what the successor machine decides, in a generation that was started
// by another: says hello, adopts, waits for the turn, stays or leaves again.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "common/os/channel.hpp"
#include "common/os/process.hpp"
#include "common/protocol/message.hpp"
#include "common/upgrade/context.hpp"
#include "common/upgrade/deadline_timer.hpp"
#include "common/upgrade/departures.hpp"
#include "common/upgrade/event_queue.hpp"
#include "common/upgrade/peer_end.hpp"
#include "common/upgrade/rejoining.hpp"
#include "common/upgrade/successor.hpp"
#include "common/upgrade/this_generation.hpp"

namespace relaunch::upgrade {

/// All calls on the library's thread, unless said otherwise.
class SuccessorDriver {
 public:
  /// `supervisor`: it stands in the incumbent's place, and this is where its
  /// control endpoint is; may be empty.
  SuccessorDriver(Context& context, ThisGeneration& self,
                  Departures& departures, os::Handle channel,
                  os::ProcessId incumbent,
                  std::optional<std::string> supervisor);

  void begin();
  /// On the application's thread: until the incumbent's listeners are here, or
  /// it is certain that none come. Error: this process cannot become a
  /// generation. At most Deadlines::hello, and what comes on top to see that
  /// the incumbent has gone.
  Result<void> wait_for_listeners();

  void ready() { feed(event::ApplicationReady{}); }
  /// It cannot become a generation. Any thread but the library's: returns when
  /// the incumbent has been told why, or a second has passed.
  void give_up(const Error& error);
  /// Why it cannot, if its application ends before ready(); none: it can. Any
  /// thread.
  void note_failure(std::optional<Error> error);
  /// The application ends: unless it was ready, what was noted last is why.
  /// Threads and wait as give_up().
  void tell_failure();
  void extend_ready(std::chrono::milliseconds more);
  /// `if_committed` runs once if this generation stays nevertheless: the
  /// incumbent may have committed it before it heard of the stop.
  void stop(std::function<void()> if_committed);
  /// Before the commit: the incumbent is told that the upgrade is not wanted.
  void abort();
  /// `then` runs once: true when this generation is committed, false when it
  /// has to leave instead.
  void end_probation(std::function<void(bool)> then);
  /// It coordinates its own upgrades from here on.
  bool committed() const { return machine_.is_committed(); }
  /// Then a supervisor coordinates, also after the commit.
  bool supervised() const { return machine_.supervised(); }
  /// Asks the supervisor.
  void request(const UpgradeRequest& request,
               std::function<void(std::string_view)> on_line,
               std::function<void(const Outcome&)> on_end);
  bool left() const { return machine_.step() == Successor::Step::left; }

 private:
  /// Runs it on the library's thread, and waits until what it sends is gone.
  void tell(std::function<void()> send);
  void feed(SuccessorEvent event);
  void note_phase();
  Result<void> watch_incumbent(os::Process incumbent);

  void run(const action::SendReady&);
  void run(const action::TakeTurn&);
  void run(const action::SendServing&);
  void run(const action::YieldTurn&);
  void run(const action::SendTurn&);
  void run(const action::RecordAlone&);
  void run(const action::Stay&);
  void run(const action::SendCommitted&);
  void run(const action::GoOnAlone&);
  void run(const action::LeaveAgain&);
  void run(const action::GiveUp&);
  void run(const action::ForwardStop&);
  void run(const action::ArmSuccessor&);
  void run(const action::DisarmSuccessor&);
  void run(const action::LeaveForGood&);
  void run(const action::Rejoin&);
  void run(const action::WatchNext&);

  void on_message(os::Received received);
  void on(const protocol::Message& message, os::Received& received);
  void on_welcome(const protocol::Welcome& welcome, os::Received& received);
  void on_listeners(const protocol::Listeners& listeners,
                    os::Received& received);
  void on_peer(const protocol::Peer& peer, os::Received& received);
  void answer_health(std::uint32_t question);

  // Under a supervisor (successor_supervised.cpp).

  /// False: not for one that is supervised.
  bool on_supervision(const protocol::Message& message, os::Received& received);
  void on_pause(const protocol::Pause& pause, os::Received& received);
  void on_ended(const protocol::UpgradeEnded& ended);
  void on_report(const protocol::Report& report);
  /// All that this generation has, or only what it opened itself.
  void send_opened(const std::vector<handover::ListenerSet::Entry>& entries);
  void channel_lost(Error error);
  void on_rejoined(std::unique_ptr<os::Channel> channel,
                   os::Process supervisor);
  /// Nobody answers them any more.
  /// To whoever asks while there is no supervisor.
  Outcome unanswered() const;
  /// Nobody has taken over yet what it opened itself.
  void remove_unclaimed_files();
  void leave_again(std::chrono::milliseconds drain);
  void send(const protocol::Message& message);
  void settle_requests(bool committed);
  void settle_listeners(std::optional<Error> error);
  void watch_incumbent_leave();
  void note_incumbent_gone();

  Context& context_;
  ThisGeneration& self_;
  Departures& departures_;
  Successor machine_;
  std::optional<std::string> control_;  ///< the supervisor's endpoint
  Phase noted_ = Phase::idle;
  DeadlineTimer timer_;
  EventQueue<SuccessorEvent> events_;
  std::unique_ptr<os::Channel> channel_;
  os::Process incumbent_;
  std::uint32_t incumbent_generation_ = 0;
  std::uint32_t incumbent_pid_ = 0;
  /// Older ones that the incumbent watches until the commit.
  std::vector<Departures::Leaver> leaving_;
  PeerEnd end_;
  protocol::Commit commit_;
  protocol::GiveBack give_back_;
  std::vector<std::function<void(bool)>> on_settled_;
  std::set<std::string> except_;  ///< what is not paused
  std::uint64_t yields_ = 0;
  std::unique_ptr<os::Process> next_;  ///< to whom the turn goes
  std::unique_ptr<os::ProcessWatch> next_watch_;
  std::chrono::milliseconds drain_{0};
  std::optional<Error> failure_;  ///< what note_failure() has noted
  struct Request {
    std::function<void(std::string_view)> on_line;
    std::function<void(const Outcome&)> on_end;
  };
  std::unique_ptr<Rejoining> rejoining_;
  std::map<std::uint32_t, Request> requests_;
  std::uint32_t last_request_ = 0;
  std::chrono::steady_clock::time_point began_;

  std::mutex mutex_;
  std::condition_variable settled_;
  bool listeners_settled_ = false;
  std::optional<Error> listeners_error_;
};

}  // namespace relaunch::upgrade
