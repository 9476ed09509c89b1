#include "common/release/record_file.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "common/base/two_slots.hpp"
#include "support/scratch_folder.hpp"

namespace relaunch::release {
namespace {

class RecordFile : public testing::Test {
 protected:
  test::ScratchFolder folder_;
  const std::filesystem::path file_ = folder_ / "record";
};

TEST_F(RecordFile, IsMadeByItsFirstRecord) {
  EXPECT_FALSE(read_record(file_));
  ASSERT_TRUE(write_record(file_, "first"));
  EXPECT_EQ(read_record(file_), "first");
}

TEST_F(RecordFile, KeepsTheRecordBeforeWhenOneIsTooLong) {
  ASSERT_TRUE(write_record(file_, "first"));
  EXPECT_FALSE(write_record(file_, std::string(kMaxRecord + 1, 'x')));
  EXPECT_EQ(read_record(file_), "first");
}

TEST_F(RecordFile, IsNotTouchedWhenItCannotBeRead) {
  const std::string overlong(2 * kSlotBytes + 1, 'x');
  test::write_file(file_, overlong);
  EXPECT_FALSE(write_record(file_, "lost"));
  EXPECT_EQ(test::file_content(file_), overlong);
}

TEST_F(RecordFile, ShowsAReaderOnlyWholeRecordsInTheirOrder) {
  const auto record = [](int number) {
    return std::to_string(number) + ' ' + std::string(20000, 'x');
  };
  ASSERT_TRUE(write_record(file_, record(0)));
  std::atomic<bool> done{false};
  std::thread writer{[&] {
    for (int i = 1; i <= 200; ++i) {
      EXPECT_TRUE(write_record(file_, record(i))) << i;
    }
    done = true;
  }};
  int seen = 0;
  do {
    const auto found = read_record(file_);
    EXPECT_TRUE(found);
    if (!found) break;
    const int number = std::stoi(*found);
    EXPECT_EQ(*found, record(number));
    EXPECT_GE(number, seen);
    seen = number;
  } while (!done);
  writer.join();
  EXPECT_EQ(read_record(file_), record(200));
}

}  // namespace
}  // namespace relaunch::release
