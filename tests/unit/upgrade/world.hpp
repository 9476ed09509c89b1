// A world in which the machines of many generations meet: processes that end,
// stop and go on, channels that delay and break, timers, an application and a
// disk. It does what the drivers do, with everything else left to chance.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/protocol/message.hpp"
#include "common/upgrade/departure.hpp"
#include "machine_rules.hpp"

namespace relaunch::upgrade {

/// Something that happens to one generation.
enum class What {
  // Sooner or later, by itself.
  begins,
  hears_successor,
  hears_incumbent,
  sees_successor_end,
  sees_incumbent_end,
  sees_leaver_end,
  build_ends,
  staging_ends,
  works,  ///< one step of pausing, resuming or closing
  is_ready,
  answers_health,
  has_drained,
  ends,  ///< the system shows that it was killed
  // When its time has come.
  step_deadline,
  health_deadline,
  lost_deadline,
  successor_deadline,
  leaver_deadline,
  // From outside.
  upgrade,
  upgrade_in_probation,
  abort,
  stop,
  // What fails.
  build_fails,
  staging_fails,
  is_staged_already,
  launch_will_fail,
  is_unhealthy,
  disk_will_fail,
  refuses_listeners,
  is_killed,
  freezes,
  thaws,
  loses_channel,       ///< to its incumbent, with what is on its way
  channel_closes,      ///< what is on its way still arrives
  sends_garbage_up,    ///< bytes that are no frame, to its incumbent
  sends_nonsense_up,   ///< a message that nobody may send it
  sends_garbage_down,  ///< to its successor
  sends_nonsense_down,
};

struct Happening {
  What what = What::works;
  /// The number of a process, in the order of their starts.
  std::size_t who = 0;
};
std::string to_string(const Happening& happening);

class World {
 public:
  using ms = std::chrono::milliseconds;

  World();

  /// What cannot happen now does nothing: a part of a run is a run as well.
  void happen(const Happening& happening);
  bool can(const Happening& happening) const;
  enum class Cause { itself, clock, outside, failure };
  std::vector<Happening> possible(Cause cause) const;
  /// All frozen processes go on, everything is delivered, deadlines pass in
  /// their order, until nothing moves any more.
  void come_to_rest();
  /// What comes next if nothing disturbs: nothing, when all is still.
  std::optional<Happening> next() const;
  void run_until_still();
  /// Says it if something that must hold at rest does not.
  void check_rest();
  /// The generation that serves builds and relaunches, and nothing fails.
  void check_next_upgrade();

  const std::optional<std::string>& broken() const { return broken_; }
  std::size_t processes() const { return processes_.size(); }
  bool runs(std::size_t who) const { return !processes_[who].killed; }
  bool coordinates(std::size_t who) const {
    return processes_[who].coordinates();
  }
  std::optional<std::size_t> incumbent_of(std::size_t who) const {
    return processes_[who].incumbent;
  }
  /// The one that accepts, if one does.
  std::optional<std::size_t> serving() const;
  Coordinator::Step step(std::size_t who) const {
    return processes_[who].coordinator.step();
  }
  /// How the last upgrade ended that this one was asked for.
  std::optional<Outcome::Result> last(std::size_t who) const {
    return processes_[who].last;
  }
  /// From here on, for people.
  void tell_story() { telling_ = true; }
  void tell(std::string_view line);
  const std::string& story() const { return story_; }

 private:
  /// Nothing in it: bytes that are no frame.
  using Frame = std::optional<protocol::Message>;
  struct Pipe {
    std::deque<Frame> frames;
    bool closed = false;  ///< no more will come
    bool told = false;    ///< its reader knows
  };
  struct Work {
    enum Kind { accept, yield, leave } kind = accept;
    int steps = 0;
    std::function<void()> done;
  };
  struct Leaver {
    std::size_t who = 0;
    Departure machine;
    ms due{0};
  };
  struct Process {
    std::optional<std::size_t> incumbent;  ///< what it was started by
    std::optional<std::size_t> successor;  ///< of the attempt under way
    bool successor_watched = false;
    bool incumbent_watched = false;
    Pipe up;    ///< from this one to its incumbent
    Pipe down;  ///< from its incumbent to this one

    Coordinator coordinator;
    CoordinatorRules coordinator_rules;
    std::deque<CoordinatorEvent> coordinator_events;
    Successor machine;
    SuccessorRules successor_rules;
    std::deque<SuccessorEvent> successor_events;
    bool feeding_coordinator = false;
    bool feeding_successor = false;

    std::map<Timer, ms> timers;
    std::optional<ms> successor_timer;
    std::vector<Leaver> leavers;

    bool begun = false;
    bool killed = false;  ///< none of its code runs any more
    bool ended = false;   ///< and the system shows it
    bool frozen = false;
    bool building = false;
    bool staging = false;
    bool said_ready = false;
    bool asked_to_stop = false;
    bool leaving = false;
    bool closed = false;  ///< its listeners
    bool accepts = false;
    bool holds_turn = false;  ///< from on_take until on_yield has run
    std::deque<Work> work;
    std::uint64_t pauses = 0;
    std::uint32_t question = 0;
    std::deque<std::uint32_t> questions;
    int asked = 0;     ///< upgrades
    int answered = 0;  ///< to whoever asked
    int waiting_for_commit = 0;
    std::optional<Outcome::Result> last;

    bool coordinates() const {
      return !incumbent || machine.step() == Successor::Step::committed;
    }
  };

  struct Runner;  ///< runs the actions of one process
  friend struct Runner;

  Process& at(std::size_t who) { return processes_[who]; }
  bool is_awake(std::size_t who) const;
  std::optional<ms> due(const Happening& happening) const;
  void act(const Happening& happening);
  void act_outside(const Happening& happening);
  void act_failure(const Happening& happening);

  void feed(std::size_t who, CoordinatorEvent event);
  void feed(std::size_t who, SuccessorEvent event);
  static void send(Pipe& pipe, protocol::Message message);
  void send_up(std::size_t who, protocol::Message message);
  void begin(std::size_t who);
  void hear_successor(std::size_t who);
  void hear_incumbent(std::size_t who);
  void work(std::size_t who);
  void accept(std::size_t who, std::function<void()> done);
  void yield(std::size_t who, std::function<void()> done);
  void leave(std::size_t who);
  void stop(std::size_t who);
  void request(std::size_t who);
  void answer(std::size_t who, Outcome::Result result);
  void settle(std::size_t who, bool committed);
  void kill(std::size_t who);
  void end(std::size_t who);
  void watch_leave(std::size_t who, std::size_t leaver);
  void leaver_event(std::size_t who, Departure::Event event);
  bool disk_works() { return !std::exchange(disk_fails_, false); }
  void check_turn();
  void must(bool kept, const std::string& rule);
  template <typename Actions>
  void tell(std::size_t who, const Actions& actions);

  std::deque<Process> processes_;  // they stay where they are
  ms now_{0};
  std::size_t record_ = 0;
  bool record_uncertain_ = false;
  bool disk_fails_ = false;
  bool launch_fails_ = false;
  bool refuses_listeners_ = false;
  std::optional<std::string> broken_;
  bool telling_ = false;
  std::string story_;
};

}  // namespace relaunch::upgrade
