// Memory that is filled, sealed, and mapped by whoever gets it.
#include "common/os/shared_memory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/handover/state.hpp"
#include "common/os/open_file.hpp"
#include "support/open_files.hpp"
#include "support/scratch_folder.hpp"
#include "support/system_facts.hpp"

namespace relaunch::test {
namespace {

using handover::WrittenState;
using testing::HasSubstr;

std::string text_in(const os::MappedMemory& memory) {
  return {reinterpret_cast<const char*>(memory.data()), memory.size()};
}

os::Handle sealed(std::string_view bytes) {
  auto memory = os::SharedMemory::create(bytes.size()).value();
  memory.append(bytes.data(), bytes.size()).value();
  return memory.seal().value();
}

TEST(SharedMemory, HasWhatWasAppended) {
  auto memory = os::SharedMemory::create(1 << 20).value();
  std::string all;
  for (int i = 0; i < 1000; ++i) {
    const std::string piece(static_cast<std::size_t>(i), char('a' + i % 26));
    ASSERT_TRUE(memory.append(piece.data(), piece.size()));
    all += piece;
  }
  ASSERT_EQ(memory.size(), all.size());
  const auto handle = memory.seal().value();
  const auto mapped = os::MappedMemory::map(handle.get(), all.size()).value();
  EXPECT_EQ(text_in(mapped), all);
}

TEST(SharedMemory, EmptyOneCanBeMapped) {
  const auto handle = sealed("");
  const auto mapped = os::MappedMemory::map(handle.get(), 0);
  ASSERT_TRUE(mapped) << mapped.error().text();
  EXPECT_EQ(mapped->size(), 0u);
}

TEST(SharedMemory, TakesNoMoreThanItsLimit) {
  auto memory = os::SharedMemory::create(10).value();
  ASSERT_TRUE(memory.append("123456", 6));
  const auto more = memory.append("12345", 5);
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code(), errc::invalid_argument);
  EXPECT_THAT(more.error().text(), HasSubstr("the limit is 10 bytes"));
  EXPECT_TRUE(memory.append("1234", 4));
}

TEST(SharedMemory, OfAnotherSizeIsRefused) {
  const auto handle = sealed(std::string(5'000'000, 'x'));
  const auto mapped = os::MappedMemory::map(handle.get(), 50'000'000);
  ASSERT_FALSE(mapped);
  EXPECT_EQ(mapped.error().code(), errc::handover_refused);
}

TEST(SharedMemory, WhatIsNoMemoryIsRefused) {
  const ScratchFolder scratch;
  const auto file = open_for_appending(scratch / "file");
  const auto mapped = os::MappedMemory::map(file.get(), 1);
  ASSERT_FALSE(mapped);
  EXPECT_EQ(mapped.error().code(), errc::handover_refused);
}

TEST(SharedMemory, CannotBeChangedOnceItIsSealed) {
  const auto handle = sealed("state");
  EXPECT_FALSE(can_write_to_memory(handle.get()));
}

TEST(SharedMemory, LeavesNoHandle) {
  const auto census = [] { return list_open_handles().size(); };
  const auto before = census();
  {
    const auto handle = sealed("state");
    auto mapped = os::MappedMemory::map(handle.get(), 5).value();
    auto moved = std::move(mapped);
    moved = os::MappedMemory{};
  }
  EXPECT_EQ(census(), before);
}

// what is said of it ---------------------------------------------------------

const std::atomic<bool> kWanted{false};

WrittenState written(std::string_view bytes) {
  return handover::write_state(
             {"rows", 3}, 1 << 20, [&](StateWriter& out) { out.write(bytes); },
             kWanted)
      .value();
}

StateWish wish() {
  StateWish wish;
  wish.schema = {"rows", 4};
  wish.oldest_version = 3;
  return wish;
}

Result<State> read(WrittenState& state, const StateWish& wanted = wish()) {
  os::Incoming memory{os::duplicate_handle(state.memory.get()).value()};
  return handover::read_state(state, memory, wanted);
}

TEST(WrittenState, IsReadAsItWasWritten) {
  std::string bytes(3'000'000, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<char>(i * 7 + i / 251);
  }
  auto state = handover::write_state(
      {"rows", 3}, bytes.size(),
      [&](StateWriter& out) {
        // Pieces of every size, also larger than what is held back.
        std::size_t at = 0;
        for (std::size_t size = 1; at < bytes.size(); size = size * 3 + 1) {
          out.write(std::string_view(bytes).substr(at, size));
          at += std::min(size, bytes.size() - at);
        }
        EXPECT_EQ(out.size(), bytes.size());
      },
      kWanted);
  ASSERT_TRUE(state) << state.error().text();
  const auto back = read(*state);
  ASSERT_TRUE(back) << back.error().text();
  EXPECT_EQ(back->bytes(), bytes);
  EXPECT_EQ(back->schema().version, 3u);
}

TEST(WrittenState, IsRefusedWithTheReason) {
  const auto why = [](auto change) {
    WrittenState state = written("some state");
    StateWish wanted = wish();
    change(state, wanted);
    const auto read_back = read(state, wanted);
    return read_back ? "" : read_back.error().text();
  };
  EXPECT_THAT(why([](WrittenState& state, StateWish&) {
                state.checksum = "0123456789abcdef";
              }),
              HasSubstr("its checksum is another"));
  EXPECT_THAT(
      why([](WrittenState& state, StateWish&) { state.bytes = 1 << 24; }),
      HasSubstr("cannot map a state: "));
  EXPECT_THAT(why([](WrittenState&, StateWish& wanted) { wanted.limit = 9; }),
              HasSubstr("it has 10 bytes, the limit is 9"));
  EXPECT_THAT(
      why([](WrittenState& state, StateWish&) { state.schema.version = 5; }),
      HasSubstr("it is 'rows' version 5, wanted is 'rows' version 3 to 4"));
  EXPECT_THAT(
      why([](WrittenState& state, StateWish&) { state.schema.version = 2; }),
      HasSubstr("version 2, wanted"));
  EXPECT_THAT(
      why([](WrittenState& state, StateWish&) { state.schema.tag = "other"; }),
      HasSubstr("'other'"));
}

TEST(WrittenState, IsNotMadeWhereItsWriterThrows) {
  const auto state = handover::write_state(
      {"rows", 3}, 100,
      [](StateWriter&) { throw std::runtime_error("no rows"); }, kWanted);
  ASSERT_FALSE(state);
  EXPECT_THAT(state.error().text(), HasSubstr("its writer threw: no rows"));
}

TEST(WrittenState, IsNotMadeWithAHoleInIt) {
  const auto state = handover::write_state(
      {"rows", 3}, 1'000'000,
      [](StateWriter& out) {
        EXPECT_THROW(out.write(std::string(1'000'001, 'x')), Error);
        EXPECT_THROW(out.write("more"), Error);
      },
      kWanted);
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().code(), errc::invalid_argument);
}

TEST(WrittenState, IsNotMadeOverItsLimit) {
  const auto state = handover::write_state(
      {"rows", 3}, 100,
      [](StateWriter& out) { out.write(std::string(101, 'x')); }, kWanted);
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().code(), errc::invalid_argument);
}

TEST(WrittenState, IsNotGoneOnWithWhenNobodyWaits) {
  std::atomic<bool> cancelled{false};
  int pieces = 0;
  const auto state = handover::write_state(
      {"rows", 3}, 1 << 30,
      [&](StateWriter& out) {
        for (; pieces < 100; ++pieces) {
          if (pieces == 3) cancelled = true;
          out.write(std::string(300'000, 'x'));
        }
      },
      cancelled);
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().code(), errc::stopped);
  EXPECT_EQ(pieces, 3);
}

}  // namespace
}  // namespace relaunch::test
