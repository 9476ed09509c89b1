#include "common/observe/event_log.hpp"

#include <algorithm>
#include <utility>

namespace relaunch::observe {

void EventLog::add(Event event) {
  event.sequence = ++last_;
  if (event.time == std::chrono::system_clock::time_point{}) {
    event.time = std::chrono::system_clock::now();
  }
  if (event.message.size() > kMessageLimit) {
    event.message.resize(kMessageLimit);
    event.message += "...";
  }
  events_.push_back(event);
  if (events_.size() > kKept) events_.pop_front();
  untold_.push_back(std::move(event));
  // One that a listener adds is told when all have heard of the one before.
  if (std::exchange(telling_, true)) return;
  while (!untold_.empty()) {
    const Event next = std::move(untold_.front());
    untold_.pop_front();
    tell(next);
  }
  telling_ = false;
}

void EventLog::tell(const Event& event) {
  std::erase_if(listeners_, [](const auto& each) { return each.expired(); });
  // A listener may change the list.
  const auto now = listeners_;
  for (const auto& each : now) {
    if (const auto listener = each.lock()) (*listener)(event);
  }
}

std::vector<Event> EventLog::since(std::uint64_t sequence) const {
  const auto first = std::partition_point(
      events_.begin(), events_.end(),
      [&](const Event& each) { return each.sequence <= sequence; });
  return {first, events_.end()};
}

void EventLog::continue_after(std::uint64_t sequence) {
  last_ = std::max(last_, sequence);
}

Subscription EventLog::subscribe(std::function<void(const Event&)> listener) {
  auto owned = std::make_shared<Subscription::Listener>(std::move(listener));
  listeners_.push_back(owned);
  return Subscription{std::move(owned)};
}

}  // namespace relaunch::observe
