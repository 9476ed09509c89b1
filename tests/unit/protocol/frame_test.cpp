#include "common/protocol/frame.hpp"

#include <gmock/gmock.h>

#include <string>
#include <string_view>
#include <vector>

namespace relaunch::protocol {
namespace {

using namespace std::string_literals;
using testing::HasSubstr;
using testing::SizeIs;

// magic, version 1, 2 handles, head 2, body 3, transfer 1, reserved 0
const std::string kGolden =
    "RLH1"
    "\x01\x00"
    "\x02\x00"
    "\x02\x00\x00\x00"
    "\x03\x00\x00\x00"
    "\x01\x00\x00\x00"
    "\x00\x00\x00\x00"
    "{}abcS"s;

Frame golden_frame() { return {"{}", "abc", "S", 2}; }

/// The golden header with one of its numbers replaced.
std::string header_with(std::size_t offset, std::string_view bytes) {
  std::string header = kGolden.substr(0, kHeaderBytes);
  return header.replace(offset, bytes.size(), bytes);
}

std::vector<Frame> read_all(FrameReader& reader) {
  std::vector<Frame> frames;
  for (;;) {
    auto next = reader.next();
    if (!next) {
      ADD_FAILURE() << next.error().text();
      return frames;
    }
    if (!next->has_value()) return frames;
    frames.push_back(std::move(**next));
  }
}

TEST(Frame, EncodesByteForByteAsDocumented) {
  EXPECT_EQ(encode(golden_frame()), kGolden);
}

TEST(Frame, EmptyFrameIsItsHeader) {
  const std::string bytes = encode({});
  ASSERT_THAT(bytes, SizeIs(kHeaderBytes));
  FrameReader reader;
  reader.append(bytes);
  const auto frames = read_all(reader);
  ASSERT_THAT(frames, SizeIs(1));
  EXPECT_EQ(frames[0], Frame{});
}

TEST(Frame, DecodesTheGoldenHeader) {
  const auto header = decode_header(kGolden.substr(0, kHeaderBytes));
  ASSERT_TRUE(header) << header.error().text();
  EXPECT_EQ(*header, (Header{2, 2, 3, 1}));
  EXPECT_EQ(header->payload_bytes(), 6u);
}

TEST(Frame, RefusesAHeaderOfAnotherLength) {
  for (const std::size_t size : {0u, 1u, 23u}) {
    const auto header = decode_header(kGolden.substr(0, size));
    ASSERT_FALSE(header) << size;
    EXPECT_EQ(header.error().code(), errc::malformed_frame);
  }
  EXPECT_FALSE(decode_header(kGolden.substr(0, kHeaderBytes + 1)));
}

TEST(Frame, RefusesWhatDoesNotBeginWithTheMagic) {
  const auto header = decode_header(header_with(0, "HTTP"));
  ASSERT_FALSE(header);
  EXPECT_EQ(header.error().code(), errc::malformed_frame);
}

TEST(Frame, NamesBothVersionsWhenTheyDiffer) {
  const auto header = decode_header(header_with(4, "\x07\x00"s));
  ASSERT_FALSE(header);
  EXPECT_EQ(header.error().code(), errc::version_mismatch);
  EXPECT_THAT(header.error().text(), HasSubstr("version 7, this is 1"));
}

TEST(Frame, RefusesReservedBytesThatAreNotZero) {
  EXPECT_FALSE(decode_header(header_with(20, "\x01")));
  EXPECT_FALSE(decode_header(header_with(23, "\x80")));
}

TEST(Frame, RefusesBytesForHandlesWithoutHandles) {
  EXPECT_FALSE(decode_header(header_with(6, "\x00\x00"s)));
}

struct Limit {
  std::size_t offset;
  std::string at;
  std::string over;
};
class FrameLimit : public testing::TestWithParam<Limit> {};

TEST_P(FrameLimit, IsAllowedAndOneMoreIsRefused) {
  const Limit& limit = GetParam();
  EXPECT_TRUE(decode_header(header_with(limit.offset, limit.at)));
  const auto over = decode_header(header_with(limit.offset, limit.over));
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().code(), errc::malformed_frame);
  EXPECT_THAT(over.error().text(), HasSubstr("the limit is"));
}

INSTANTIATE_TEST_SUITE_P(
    Each, FrameLimit,
    testing::Values(Limit{6, "\xFA\x00"s, "\xFB\x00"s},  // 250 handles
                    Limit{8, "\x00\x00\x01\x00"s, "\x01\x00\x01\x00"s},
                    Limit{12, "\x00\x00\x10\x00"s, "\x01\x00\x10\x00"s},
                    Limit{16, "\x00\xE8\x03\x00"s, "\x01\xE8\x03\x00"s},
                    Limit{8, "\x00\x00\x00\x00"s, "\xFF\xFF\xFF\xFF"s},
                    Limit{12, "\x00\x00\x00\x00"s, "\xFF\xFF\xFF\xFF"s},
                    Limit{16, "\x00\x00\x00\x00"s, "\xFF\xFF\xFF\xFF"s}));

TEST(FrameReader, WaitsForMoreWhereverTheBytesAreCut) {
  for (std::size_t cut = 0; cut < kGolden.size(); ++cut) {
    FrameReader reader;
    reader.append(std::string_view{kGolden}.substr(0, cut));
    EXPECT_THAT(read_all(reader), SizeIs(0)) << cut;
    EXPECT_EQ(reader.pending_bytes(), cut);
    reader.append(std::string_view{kGolden}.substr(cut));
    const auto frames = read_all(reader);
    ASSERT_THAT(frames, SizeIs(1)) << cut;
    EXPECT_EQ(frames[0], golden_frame());
    EXPECT_EQ(reader.pending_bytes(), 0u);
  }
}

TEST(FrameReader, ReadsAFrameThatComesByteByByte) {
  FrameReader reader;
  std::vector<Frame> frames;
  for (const char byte : kGolden) {
    reader.append({&byte, 1});
    for (auto& frame : read_all(reader)) frames.push_back(std::move(frame));
  }
  ASSERT_THAT(frames, SizeIs(1));
  EXPECT_EQ(frames[0], golden_frame());
}

TEST(FrameReader, ReadsTwoFramesThatComeTogether) {
  const Frame second{"{\"type\":\"turn\"}", "", "", 0};
  FrameReader reader;
  reader.append(kGolden + encode(second) + "RL");
  const auto frames = read_all(reader);
  ASSERT_THAT(frames, SizeIs(2));
  EXPECT_EQ(frames[0], golden_frame());
  EXPECT_EQ(frames[1], second);
  EXPECT_EQ(reader.pending_bytes(), 2u);
}

TEST(FrameReader, StaysBrokenAfterBytesThatAreNoFrame) {
  FrameReader reader;
  reader.append(std::string(kHeaderBytes, 'x'));
  EXPECT_FALSE(reader.next());
  reader.append(kGolden);
  const auto again = reader.next();
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code(), errc::malformed_frame);
}

TEST(FrameReader, RefusesAnAnnouncedLengthBeforeItsBytesCome) {
  FrameReader reader;
  reader.append(header_with(12, "\xFF\xFF\xFF\x7F"));
  EXPECT_FALSE(reader.next());
}

TEST(FrameReader, ReadsAFrameAtEveryLimit) {
  const Frame largest{std::string(kMaxHeadBytes, 'h'),
                      std::string(kMaxBodyBytes, 'b'),
                      std::string(kMaxTransferBytes, 't'), kMaxHandles};
  FrameReader reader;
  reader.append(encode(largest));
  const auto frames = read_all(reader);
  ASSERT_THAT(frames, SizeIs(1));
  EXPECT_EQ(frames[0], largest);
}

}  // namespace
}  // namespace relaunch::protocol
