// The generations that are to leave, watched until they are gone.
#pragma once

#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <string>

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
    os::Process process;
    std::string name;  ///< "generation 3"
    /// How to ask it on its channel, beside os::Process::ask_to_stop; may be
    /// empty.
    std::function<void()> ask;
    /// What must live as long as it is watched: its channel stays open.
    std::shared_ptr<void> keep;
    /// Until it is asked, from now; then as long again as `grace`, twice.
    std::chrono::milliseconds drain{0};
    std::chrono::milliseconds grace{0};
    /// Called once, when it is gone or known to be stuck. May be empty.
    std::function<void()> on_gone;
  };
  void watch(Leaver leaver);
  std::size_t count() const { return entries_.size(); }

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
  std::list<Entry> entries_;
};

}  // namespace relaunch::upgrade
