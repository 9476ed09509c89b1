// The generations that are to leave, watched until they are gone.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <vector>

#include "common/os/process.hpp"
#include "common/upgrade/context.hpp"
#include "common/upgrade/deadline_timer.hpp"
#include "common/upgrade/departure.hpp"

namespace relaunch::upgrade {

/// All calls on the library's thread. Destroying it leaves the processes be.
class Departures {
 public:
  explicit Departures(Context& context) : context_(context) {}

  struct Leaver {
    std::shared_ptr<os::Process> process;
    std::uint32_t generation = 0;
    /// How to ask it on its channel, beside os::Process::ask_to_stop; may be
    /// empty.
    std::function<void()> ask;
    /// What must live as long as it is watched: its channel stays open.
    std::shared_ptr<void> keep;
    /// When it is asked; then as long again as `grace`, twice.
    std::chrono::steady_clock::time_point deadline;
    std::chrono::milliseconds grace{0};
    /// Called once, when it is gone or known to be stuck. May be empty.
    std::function<void()> on_gone;
  };
  void watch(Leaver leaver);
  /// Called after each that is gone or stuck, whoever watches it.
  void observe(std::function<void()> on_any_gone) {
    on_any_gone_ = std::move(on_any_gone);
  }
  /// Those that are still there, for the next coordinator to watch: they are
  /// watched here too until forget().
  std::vector<const Leaver*> leaving() const;
  /// Somebody else watches them from now on. Not from within a callback.
  void forget() { entries_.clear(); }
  /// Their time is up now.
  void hurry();
  std::size_t count() const { return entries_.size(); }
  /// Whoever drains may still read from its release's folder: no fewer than
  /// these are kept beside the current one.
  unsigned releases_to_keep() const;

 private:
  struct Entry {
    explicit Entry(Context& context) : timer(context.io) {}
    Leaver leaver;
    Departure machine;
    DeadlineTimer timer;
    std::unique_ptr<os::ProcessWatch> watch;
    std::chrono::steady_clock::time_point since;
  };
  using Iterator = std::list<Entry>::iterator;

  void on(Iterator entry, Departure::Event event);
  void ask(Entry& entry);
  void report(Iterator entry);

  Context& context_;
  std::function<void()> on_any_gone_;
  std::list<Entry> entries_;
};

}  // namespace relaunch::upgrade
