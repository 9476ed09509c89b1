// A supervisor that was killed has been started again: what it finds of its
// generations, and what becomes of them.
#pragma once

#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <vector>

#include "common/handover/generation_link.hpp"
#include "common/os/channel.hpp"
#include "common/os/process.hpp"
#include "common/supervisor/journal.hpp"
#include "common/upgrade/context.hpp"
#include "common/upgrade/deadline_timer.hpp"

namespace relaunch::supervisor {

/// All calls and callbacks on the io_context's thread.
class Recovery {
 public:
  /// A generation asks again at least so often (upgrade::Rejoining), and has
  /// this time on top to give its listeners.
  static constexpr std::chrono::milliseconds kDeadline{10'000};

  struct Found {
    Survivor survivor;
    Fate fate = Fate::drain;
    std::shared_ptr<os::Process> process;
    std::unique_ptr<handover::GenerationLink> link;  ///< once it has rejoined
    std::unique_ptr<os::ProcessWatch> watch;
  };
  using Done = std::function<void(std::list<Found>)>;

  Recovery(upgrade::Context& context, const handover::ListenerSet& listeners,
           const upgrade::Departures& departures);

  /// Looks for these; `done` once, when each has rejoined or ended, or the
  /// deadline has passed, and no generation that is to leave has the turn. It
  /// is not called before this has returned.
  void begin(const std::vector<JournalEntry>& journal, std::uint32_t committed,
             os::ProcessId pid, Done done);
  /// One of them has come. Anybody else's link is closed.
  void rejoin(std::unique_ptr<os::Channel> channel, os::ProcessId pid,
              os::Received first);
  /// None of these processes runs any more.
  static bool nobody_left(const std::vector<JournalEntry>& journal);
  bool under_way() const { return static_cast<bool>(done_); }

 private:
  void on_event(Found& found, const upgrade::CoordinatorEvent& event);
  void look();
  void decide();
  void settle();

  upgrade::Context& context_;
  const handover::ListenerSet& listeners_;
  const upgrade::Departures& departures_;
  upgrade::DeadlineTimer timer_;
  std::list<Found> found_;
  Found* returning_ = nullptr;  ///< it gives the turn back
  std::uint32_t committed_ = 0;
  os::ProcessId pid_ = 0;
  Done done_;
};

}  // namespace relaunch::supervisor
