#include "common/base/two_slots.hpp"

#include <gtest/gtest.h>

#include <random>

namespace relaunch {
namespace {

/// As a file does: what lies between is zero.
void apply(std::string& file, const SlotWrite& write, std::size_t bytes) {
  file.resize(std::max(file.size(), write.offset + bytes));
  file.replace(write.offset, bytes, write.bytes, 0, bytes);
}

void add(std::string& file, std::string_view record) {
  const auto write = next_record(file, record);
  apply(file, write, write.bytes.size());
}

TEST(TwoSlots, AnEmptyFileHoldsNothing) {
  EXPECT_FALSE(newest_record(""));
  EXPECT_FALSE(newest_record(std::string(2 * kSlotBytes, '\0')));
}

TEST(TwoSlots, TheNewestRecordIsRead) {
  std::string file;
  for (int i = 0; i < 7; ++i) {
    add(file, "record " + std::to_string(i));
    EXPECT_EQ(newest_record(file), "record " + std::to_string(i));
  }
  EXPECT_LE(file.size(), 2 * kSlotBytes);
}

TEST(TwoSlots, AnEmptyRecordAndTheLongestOneAreRecords) {
  std::string file;
  add(file, "");
  EXPECT_EQ(newest_record(file), "");
  const std::string longest(kMaxRecord, 'x');
  add(file, longest);
  add(file, longest);
  EXPECT_EQ(newest_record(file), longest);
}

TEST(TwoSlots, TornAtAnyByteTheRecordBeforeStands) {
  for (const int written : {1, 2, 3}) {
    std::string before;
    for (int i = 0; i < written; ++i) {
      add(before, "record " + std::to_string(i));
    }
    const std::string old{newest_record(before).value()};
    const auto write = next_record(before, "the new one");
    for (std::size_t bytes = 0; bytes < write.bytes.size(); ++bytes) {
      std::string torn = before;
      apply(torn, write, bytes);
      EXPECT_EQ(newest_record(torn), old) << written << ' ' << bytes;
    }
  }
}

TEST(TwoSlots, OneFlippedBitMakesASlotWorthless) {
  std::string file;
  add(file, "first");
  add(file, "second");
  for (std::size_t at = kSlotBytes; at < file.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = file;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
      EXPECT_EQ(newest_record(damaged), "first") << at << ' ' << bit;
    }
  }
}

TEST(TwoSlots, DamageAnywhereLeavesTheOldOneTheNewOneOrNothing) {
  std::mt19937 random{20261123};
  std::string whole;
  add(whole, "the old record");
  add(whole, "the new one");
  const std::size_t both = whole.size() - kSlotBytes + 8;
  for (int i = 0; i < 20'000; ++i) {
    std::string damaged = whole;
    bool hit[2] = {false, false};
    for (auto bytes = 1 + random() % 40; bytes > 0; --bytes) {
      const std::size_t slot = random() % 2;
      char& byte = damaged[std::min(slot * kSlotBytes + random() % both,
                                    damaged.size() - 1)];
      hit[slot] = true;
      byte = static_cast<char>(random());
    }
    if (random() % 4 == 0) damaged.resize(random() % damaged.size());
    const auto found = newest_record(damaged);
    EXPECT_TRUE(!found || found == "the old record" || found == "the new one");
    const bool second_is_whole = !hit[1] && damaged.size() == whole.size();
    EXPECT_TRUE(!second_is_whole || found == "the new one") << i;
    add(damaged, "the next");
    EXPECT_EQ(newest_record(damaged), "the next") << i;
  }
}

TEST(TwoSlots, AfterATornWriteTheNextOneGoesToItsPlace) {
  std::string file;
  add(file, "first");
  const auto torn = next_record(file, "torn");
  apply(file, torn, torn.bytes.size() / 2);
  add(file, "third");
  EXPECT_EQ(newest_record(file), "third");
}

TEST(TwoSlots, OfTwoWithOneNumberTheOneThatIsReadIsKept) {
  std::string other, file;
  add(file, "first");
  add(other, "other");
  other.resize(kSlotBytes);
  file = other + file;
  const std::string old{newest_record(file).value()};
  const auto write = next_record(file, "third");
  std::string torn = file;
  apply(torn, write, write.bytes.size() / 2);
  EXPECT_EQ(newest_record(torn), old);
  apply(file, write, write.bytes.size());
  EXPECT_EQ(newest_record(file), "third");
}

}  // namespace
}  // namespace relaunch
