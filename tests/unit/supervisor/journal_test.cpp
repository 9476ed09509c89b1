#include "common/supervisor/journal.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace relaunch::supervisor {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const JournalEntry kIncumbent{
    4, 71, 1000, Role::incumbent, "abc", true, {"1:17", "2:18"}};
const JournalEntry kSuccessor{5, 72, 2000, Role::successor, "def", true, {}};
const JournalEntry kDraining{3, 70, 500, Role::draining, "", true, {}};

Survivor rejoined(const JournalEntry& entry, bool has_turn) {
  return {entry, true, true, has_turn};
}
Survivor silent(JournalEntry entry) { return {std::move(entry), false}; }

TEST(Journal, IsReadAsItWasWritten) {
  const std::vector<JournalEntry> entries{kIncumbent, kSuccessor, kDraining};
  EXPECT_EQ(journal_from(to_text(entries)), entries);
  EXPECT_THAT(journal_from(to_text({})), IsEmpty());
}

TEST(Journal, WhatIsNoneHoldsNobody) {
  for (const char* text :
       {"", "[]", "{", "{}", R"({"generations":1})", R"({"generations":[1]})",
        R"({"generations":[{"pid":0,"identity":5,"role":"incumbent"}]})",
        R"({"generations":[{"pid":7,"role":"incumbent"}]})",
        R"({"generations":[{"pid":7,"identity":5,"role":"king"}]})",
        R"({"generations":[{"pid":-7,"identity":5,"role":"incumbent"}]})"}) {
    EXPECT_THAT(journal_from(text), IsEmpty()) << text;
  }
}

TEST(Journal, APartOfOneHoldsNobody) {
  const std::string text = to_text({kIncumbent, kSuccessor, kDraining});
  for (std::size_t size = 0; size < text.size(); ++size) {
    EXPECT_THAT(journal_from(text.substr(0, size)), IsEmpty()) << size;
  }
}

TEST(Journal, WhateverIsReadComesBackAsItWasRead) {
  std::mt19937 random{20261123};
  const std::string text = to_text({kIncumbent, kSuccessor, kDraining});
  for (int i = 0; i < 20'000; ++i) {
    std::string damaged = text;
    for (auto bytes = 1 + random() % 4; bytes > 0; --bytes) {
      damaged[random() % text.size()] = static_cast<char>(random());
    }
    const auto entries = journal_from(damaged);
    EXPECT_LE(entries.size(), 3u);
    EXPECT_EQ(journal_from(to_text(entries)), entries) << damaged;
    for (const JournalEntry& entry : entries) {
      EXPECT_NE(entry.pid, 0u);
      EXPECT_NE(entry.identity, 0u);
    }
  }
}

struct Row {
  const char* what;
  std::vector<Survivor> survivors;
  std::vector<Fate> fates;
};

TEST(Resolve, TheRecordDecidesWhoStays) {
  const JournalEntry foreign{4, 71, 1000, Role::incumbent, "", false, {}};
  const JournalEntry foreign_successor{5,  72,    1001, Role::successor,
                                       "", false, {}};
  const std::vector<Row> rows{
      {"it serves", {rejoined(kIncumbent, true)}, {Fate::adopt}},
      {"it is silent", {silent(kIncumbent)}, {Fate::end}},
      {"its program knows nothing of this", {silent(foreign)}, {Fate::keep}},
      {"neither does its successor, which has accepted beside it",
       {silent(foreign), silent(foreign_successor)},
       {Fate::keep, Fate::drain}},
      {"such a successor alone", {silent(foreign_successor)}, {Fate::end}},
      {"in prepare: the successor has ended by itself",
       {rejoined(kIncumbent, true)},
       {Fate::adopt}},
      {"in the switch: nobody has the turn",
       {rejoined(kIncumbent, false)},
       {Fate::resume}},
      {"in probation, no record: taken back",
       {rejoined(kIncumbent, false), rejoined(kSuccessor, true)},
       {Fate::resume, Fate::give_back}},
      {"in probation, and the incumbent has ended",
       {rejoined(kSuccessor, true)},
       {Fate::promote}},
      {"in probation, the successor is silent",
       {rejoined(kIncumbent, false), silent(kSuccessor)},
       {Fate::resume, Fate::end}},
      {"in the drain",
       {rejoined(kIncumbent, true), silent(kDraining)},
       {Fate::adopt, Fate::drain}}};
  for (const Row& row : rows) {
    EXPECT_EQ(resolve(row.survivors, 4, 71), row.fates) << row.what;
  }
}

TEST(Resolve, AfterTheRecordTheSuccessorIsTheIncumbentAndTheOtherDrains) {
  EXPECT_THAT(
      resolve({rejoined(kIncumbent, false), rejoined(kSuccessor, true)}, 5, 72),
      ElementsAre(Fate::drain, Fate::adopt));
}

TEST(Resolve, ANumberAloneIsNoProof) {
  // Generation 4 of the record was another process.
  EXPECT_THAT(resolve({rejoined(kIncumbent, true)}, 4, 99),
              ElementsAre(Fate::drain));
}

}  // namespace
}  // namespace relaunch::supervisor
