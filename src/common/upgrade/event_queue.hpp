// Feeds a pure machine one event at a time.
#pragma once

#include <deque>
#include <utility>

namespace relaunch::upgrade {

/// Running an action may cause an event at once: it waits until the actions of
/// the event before have all run.
template <typename Event>
class EventQueue {
 public:
  /// `handle(event)` for this one and for all that it causes.
  template <typename Handle>
  void feed(Event event, Handle handle) {
    events_.push_back(std::move(event));
    if (std::exchange(running_, true)) return;
    while (!events_.empty()) {
      const Event next = std::move(events_.front());
      events_.pop_front();
      handle(next);
    }
    running_ = false;
  }

 private:
  std::deque<Event> events_;
  bool running_ = false;
};

}  // namespace relaunch::upgrade
