// What happened of late, and who is told at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "common/observe/event.hpp"

namespace relaunch::observe {

/// As long as it lives, events are told. May outlive the log.
class Subscription {
 public:
  Subscription() = default;

 private:
  friend class EventLog;
  using Listener = std::function<void(const Event&)>;
  explicit Subscription(std::shared_ptr<Listener> listener)
      : listener_(std::move(listener)) {}

  std::shared_ptr<Listener> listener_;
};

/// The last 1000. On the library's thread only.
class EventLog {
 public:
  static constexpr std::size_t kKept = 1'000;
  /// A longer message is cut, so that the log has a bound in bytes too.
  static constexpr std::size_t kMessageLimit = 2'048;

  /// Numbers it, and tells everybody who has subscribed. A listener may add,
  /// subscribe and unsubscribe: all see the events in the same order.
  void add(Event event);
  /// Those that came after this number, in their order. 0: all that are kept.
  std::vector<Event> since(std::uint64_t sequence) const;
  /// The number of the last one; 0 before the first.
  std::uint64_t last() const { return last_; }
  /// Numbers go on after this one: it was the last of a process before.
  void continue_after(std::uint64_t sequence);

  /// Told from the next event on.
  [[nodiscard]] Subscription subscribe(
      std::function<void(const Event&)> listener);

 private:
  void tell(const Event& event);

  std::deque<Event> events_;
  std::vector<std::weak_ptr<Subscription::Listener>> listeners_;
  std::deque<Event> untold_;
  std::uint64_t last_ = 0;
  bool telling_ = false;
};

}  // namespace relaunch::observe
