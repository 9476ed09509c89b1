// What this process itself can do: accept, stop accepting, answer for its
// health, leave.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/handover/crossing.hpp"
#include "common/handover/listeners.hpp"
#include "common/upgrade/context.hpp"

namespace relaunch::upgrade {

/// Constructed on the application's thread; set_… from any thread before
/// ready(); everything else on the library's thread.
class ThisGeneration {
 public:
  using Done = std::function<void()>;

  explicit ThisGeneration(Context& context);

  handover::ListenerSet& listeners() { return listeners_; }

  void set_on_take(std::function<void()> callback);
  void set_on_yield(std::function<void()> callback);
  void set_on_drain(std::function<void(Drain)> callback);
  void set_on_health(std::function<bool()> callback);

  /// on_take, then accept. Runs after what was asked before it has finished.
  void accept(Done done);
  /// Stop accepting, but on the listeners in `except`, then on_yield.
  void yield(std::set<std::string> except, Done done);
  /// Asks the application, where it runs. The answer may never come.
  void ask_health(std::function<void(bool)> answer);
  /// Close the listeners, and tell the application that it has so long. The
  /// files of those that nobody goes on with are removed.
  void leave(std::chrono::milliseconds drain,
             handover::ListenerSet::IsLast is_last);
  bool leaving() const { return leaving_; }

  /// What lives behind the listeners.
  handover::Crossing& crossing() { return crossing_; }

 private:
  struct Callbacks {
    std::function<void()> take;
    std::function<void()> yield;
    std::function<void(Drain)> drain;
    std::function<bool()> health;
  };

  void tell_drain(std::chrono::steady_clock::time_point deadline, Done next);
  void enqueue(std::function<void(Done)> step);
  void run_next();
  /// In the application, then back on the library's thread.
  void call(const char* what, std::function<void()> callback, Done done);
  Callbacks callbacks() const;

  Context& context_;
  handover::ListenerSet listeners_;
  handover::Crossing crossing_;
  mutable std::mutex mutex_;
  Callbacks callbacks_;
  std::deque<std::function<void(Done)>> steps_;
  std::optional<Drain> told_;  ///< what on_drain was told, once it was
  bool busy_ = false;
  bool leaving_ = false;
};

}  // namespace relaunch::upgrade
