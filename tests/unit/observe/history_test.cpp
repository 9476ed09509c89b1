#include "common/observe/history.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fstream>

#include "support/scratch_folder.hpp"

namespace relaunch::observe {
namespace {

using namespace std::chrono_literals;
using test::file_content;
using test::ScratchFolder;
using test::write_file;
using testing::ElementsAre;

HistoryEntry numbered(std::uint64_t upgrade) {
  HistoryEntry entry;
  entry.time = std::chrono::sys_days{std::chrono::year{2026} / 11 / 22} + 23h;
  entry.upgrade = upgrade;
  entry.outcome = "done";
  entry.phase = "commit";
  entry.generation = 2;
  entry.pid = 71;
  entry.release = "a1";
  entry.duration = 40ms;
  entry.phases = {{"build", 30ms}, {"launch", 10ms}};
  return entry;
}

std::vector<std::uint64_t> numbers(const History& history) {
  std::vector<std::uint64_t> out;
  for (const auto& each : history.entries()) out.push_back(each.upgrade);
  return out;
}

TEST(History, TellsOfAnOutcomeHowLongEachPhaseTook) {
  Outcome outcome;
  outcome.result = Outcome::Result::rolled_back;
  outcome.phase = Phase::probation;
  outcome.reason = "not healthy";
  outcome.phases = {{Phase::launch, 0us},
                    {Phase::switching, 20'900us},
                    {Phase::probation, 25'000us}};
  const HistoryEntry entry = history_entry(7, outcome, 100ms);
  EXPECT_EQ(entry.upgrade, 7u);
  EXPECT_EQ(entry.outcome, "rolled_back");
  EXPECT_EQ(entry.phase, "probation");
  ASSERT_EQ(entry.phases.size(), 3u);
  EXPECT_EQ(entry.phases[0].duration, 20ms);
  EXPECT_EQ(entry.phases[1].phase, "switch");
  EXPECT_EQ(entry.phases[1].duration, 5ms);
  EXPECT_EQ(entry.phases[2].duration, 75ms);
}

TEST(History, EntryIsOneObjectOfJson) {
  EXPECT_EQ(boost::json::serialize(to_json(numbered(3))),
            R"({"time":"2026-11-22T23:00:00.000Z","upgrade":3,)"
            R"("outcome":"done","phase":"commit","generation":2,"pid":71,)"
            R"("release":"a1","duration_ms":40,"phases":[)"
            R"({"phase":"build","duration_ms":30},)"
            R"({"phase":"launch","duration_ms":10}]})");
}

TEST(History, ComesBackFromItsFile) {
  const ScratchFolder scratch;
  const auto file = scratch / "history.jsonl";
  {
    auto history = History::open(file);
    ASSERT_TRUE(history);
    EXPECT_TRUE(history->entries().empty());
    EXPECT_EQ(history->last_upgrade(), 0u);
    auto entry = numbered(1);
    entry.reason = "said \"no\"\nand more";
    ASSERT_TRUE(history->add(entry));
    ASSERT_TRUE(history->add(numbered(2)));
  }
  const auto again = History::open(file);
  ASSERT_TRUE(again);
  EXPECT_THAT(numbers(*again), ElementsAre(1, 2));
  EXPECT_EQ(again->entries()[0].reason, "said \"no\"\\x0Aand more");
  EXPECT_EQ(again->last_upgrade(), 2u);
  EXPECT_EQ(again->to_json().size(), 2u);
}

TEST(History, KeepsTheLastHundred) {
  const ScratchFolder scratch;
  const auto file = scratch / "history.jsonl";
  auto history = History::open(file);
  ASSERT_TRUE(history);
  for (std::uint64_t i = 1; i <= 103; ++i) {
    ASSERT_TRUE(history->add(numbered(i)));
  }
  const auto again = History::open(file);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->entries().size(), History::kKept);
  EXPECT_EQ(again->entries().front().upgrade, 4u);
  EXPECT_EQ(again->last_upgrade(), 103u);
}

TEST(History, PassesOverWhatIsTornOrOfAnotherMaking) {
  const ScratchFolder scratch;
  const auto file = scratch / "history.jsonl";
  const std::string good = boost::json::serialize(to_json(numbered(1))) + "\n";
  std::string deep(10'000, '[');
  for (const std::string& damage :
       {std::string{"not json\n"}, std::string{"{}\n"}, std::string{"\n\n"},
        std::string{"{\"upgrade\":2}\n"}, std::string(3, '\0') + "\n",
        deep + "\n",
        std::string{R"({"time":"2026-11-22T23:00:00.000Z","upgrade":2,)"
                    R"("outcome":"done","phases":[1]})"
                    "\n"}}) {
    write_file(file, damage + good + damage);
    const auto history = History::open(file);
    ASSERT_TRUE(history);
    EXPECT_THAT(numbers(*history), ElementsAre(1)) << damage;
  }
  write_file(file, good + good.substr(0, good.size() / 2));
  auto torn = History::open(file);
  ASSERT_TRUE(torn);
  EXPECT_THAT(numbers(*torn), ElementsAre(1));
  ASSERT_TRUE(torn->add(numbered(2)));
  EXPECT_THAT(numbers(*History::open(file)), ElementsAre(1, 2));
}

TEST(History, RemembersWhatCouldNotBeWritten) {
  const ScratchFolder scratch;
  auto history = History::open(scratch / "missing" / "history.jsonl");
  ASSERT_TRUE(history);
  EXPECT_FALSE(history->add(numbered(1)));
  EXPECT_THAT(numbers(*history), ElementsAre(1));
  std::filesystem::create_directory(scratch / "missing");
  ASSERT_TRUE(history->add(numbered(2)));
  EXPECT_THAT(numbers(*History::open(scratch / "missing" / "history.jsonl")),
              ElementsAre(1, 2));
}

TEST(History, WhatTwoGenerationsAddIsAllThere) {
  const ScratchFolder scratch;
  const auto file = scratch / "history.jsonl";
  auto incumbent = History::open(file);
  auto successor = History::open(file);
  ASSERT_TRUE(incumbent && successor);
  ASSERT_TRUE(incumbent->add(numbered(1)));
  ASSERT_TRUE(successor->add(numbered(2)));
  incumbent->refresh();
  EXPECT_THAT(numbers(*incumbent), ElementsAre(1, 2));
}

TEST(History, AFileThatCannotBeReadIsAnError) {
  const ScratchFolder scratch;
  EXPECT_FALSE(History::open(scratch.path()));
}

}  // namespace
}  // namespace relaunch::observe
