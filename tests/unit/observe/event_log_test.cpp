#include "common/observe/event_log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace relaunch::observe {
namespace {

using testing::ElementsAre;

Event named(std::string name) {
  Event event;
  event.name = std::move(name);
  return event;
}

std::vector<std::string> names(const std::vector<Event>& events) {
  std::vector<std::string> out;
  for (const Event& each : events) out.push_back(each.name);
  return out;
}

TEST(EventLog, NumbersAndDatesWhatIsAdded) {
  EventLog log;
  EXPECT_EQ(log.last(), 0u);
  const auto before = std::chrono::system_clock::now();
  log.add(named("a"));
  log.add(named("b"));
  const auto events = log.since(0);
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].sequence, 1u);
  EXPECT_EQ(events[1].sequence, 2u);
  EXPECT_GE(events[0].time, before);
  EXPECT_EQ(log.last(), 2u);
}

TEST(EventLog, GivesWhatCameAfterANumber) {
  EventLog log;
  for (const char* each : {"a", "b", "c"}) log.add(named(each));
  EXPECT_THAT(names(log.since(1)), ElementsAre("b", "c"));
  EXPECT_TRUE(log.since(3).empty());
  EXPECT_TRUE(log.since(99).empty());
}

TEST(EventLog, KeepsTheLastThousandAndNoLongMessage) {
  EventLog log;
  for (int i = 0; i < 1'005; ++i) log.add(named("x"));
  const auto kept = log.since(0);
  EXPECT_EQ(kept.size(), EventLog::kKept);
  EXPECT_EQ(kept.front().sequence, 6u);
  Event talkative = named("y");
  talkative.message.assign(1'000'000, 'm');
  log.add(talkative);
  EXPECT_EQ(log.since(log.last() - 1)[0].message.size(),
            EventLog::kMessageLimit + 3);
}

TEST(EventLog, TellsSubscribersUntilTheyLeave) {
  EventLog log;
  std::vector<std::string> heard;
  log.add(named("before"));
  {
    const Subscription kept =
        log.subscribe([&](const Event& event) { heard.push_back(event.name); });
    log.add(named("during"));
  }
  log.add(named("after"));
  EXPECT_THAT(heard, ElementsAre("during"));
}

TEST(EventLog, AListenerMayAddAndEverybodyHearsTheSameOrder) {
  EventLog log;
  std::vector<std::string> first, second;
  const Subscription one = log.subscribe([&](const Event& event) {
    first.push_back(event.name);
    if (event.name == "cause") log.add(named("effect"));
  });
  const Subscription two =
      log.subscribe([&](const Event& event) { second.push_back(event.name); });
  log.add(named("cause"));
  EXPECT_THAT(first, ElementsAre("cause", "effect"));
  EXPECT_EQ(first, second);
}

TEST(EventLog, AListenerMayEndItselfAndAnother) {
  EventLog log;
  std::optional<Subscription> one, two;
  int heard = 0;
  one = log.subscribe([&](const Event&) {
    ++heard;
    two.reset();
    one.reset();
  });
  two = log.subscribe([&](const Event&) { heard += 100; });
  log.add(named("a"));
  log.add(named("b"));
  EXPECT_EQ(heard, 1);
}

TEST(EventLog, GoesOnAfterTheNumberOfTheProcessBefore) {
  EventLog log;
  log.continue_after(41);
  log.add(named("a"));
  log.continue_after(7);
  log.add(named("b"));
  EXPECT_EQ(log.last(), 43u);
}

}  // namespace
}  // namespace relaunch::observe
