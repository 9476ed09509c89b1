// What the system says of an open file.
#include "common/os/open_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/handover/provisions.hpp"
#include "common/os/listener.hpp"
#include "support/open_files.hpp"
#include "support/scratch_folder.hpp"
#include "support/system_facts.hpp"

namespace relaunch::test {
namespace {

using testing::HasSubstr;

TEST(OpenFile, IsKnownByItsKindAndWhatItAllows) {
  const ScratchFolder scratch;
  const auto log = open_for_appending(scratch / "log");
  const auto facts = os::describe_file(log.get());
  ASSERT_TRUE(facts) << facts.error().text();
  EXPECT_EQ(*facts, (os::FileFacts{FileKind::file, FileAccess::write}));
  const auto readable = open_for_reading(scratch / "log");
  EXPECT_EQ(os::describe_file(readable.get()).value(),
            (os::FileFacts{FileKind::file, FileAccess::read}));
  const auto pipe = make_one_way_pipe();
  EXPECT_EQ(os::describe_file(pipe.reads.get()).value(),
            (os::FileFacts{FileKind::pipe, FileAccess::read}));
  EXPECT_EQ(os::describe_file(pipe.writes.get()).value(),
            (os::FileFacts{FileKind::pipe, FileAccess::write}));
}

TEST(OpenFile, DuplicateIsTheSameOpenFile) {
  const ScratchFolder scratch;
  auto log = open_for_appending(scratch / "log");
  auto other = os::duplicate_handle(log.get()).value();
  EXPECT_EQ(os::describe_file(other.get()).value(),
            os::describe_file(log.get()).value());
  log.reset();
  EXPECT_TRUE(os::describe_file(other.get()));
}

TEST(OpenFile, WhatIsNeitherAFileNorAPipeIsRefused) {
  EXPECT_FALSE(os::describe_file(kNoHandle));
  const ScratchFolder scratch;
  const auto device = open_inheritable_stray();
  const auto folder = open_folder(scratch / "");
  const auto socket =
      os::open_listener(Address::parse("tcp://127.0.0.1:0").value()).value();
  for (const native_handle each :
       {device.get(), folder.get(), as_handle(socket.get())}) {
    ASSERT_NE(each, kNoHandle);
    const auto facts = os::describe_file(each);
    ASSERT_FALSE(facts);
    EXPECT_EQ(facts.error().code(), errc::invalid_argument);
  }
  EXPECT_FALSE(
      os::describe_arrived_file(as_handle(socket.get()), FileKind::pipe));
}

TEST(Provisions, NamesAreProvidedOnce) {
  const ScratchFolder scratch;
  const auto log = open_for_appending(scratch / "log");
  handover::Provisions provisions;
  ASSERT_TRUE(provisions.add_file("log", log.get()));
  EXPECT_EQ(provisions.add_file("log", log.get()).error().code(),
            errc::invalid_argument);
  EXPECT_EQ(provisions.add_file("a:b", log.get()).error().code(),
            errc::invalid_argument);
  provisions.remove_file("log");
  EXPECT_TRUE(provisions.add_file("log", log.get()));
  StateOffer offer;
  EXPECT_FALSE(provisions.add_state("cache", offer));
  offer.write = [](StateWriter&) {};
  ASSERT_TRUE(provisions.add_state("cache", offer));
  EXPECT_EQ(provisions.add_state("cache", offer).error().code(),
            errc::invalid_argument);
  offer.schema.tag = "";
  EXPECT_FALSE(provisions.add_state("other", offer));
}

TEST(Provisions, OfAnotherKindAreSaidToBe) {
  const ScratchFolder scratch;
  const auto log = open_for_appending(scratch / "log");
  handover::Provisions provisions;
  ASSERT_TRUE(provisions.add_file("log", log.get()));
  EXPECT_THAT(provisions.state("log").error().text(),
              HasSubstr("there is no state 'log', but a file of that name"));
  EXPECT_THAT(provisions.file("cache").error().text(),
              HasSubstr("there is no file 'cache': "));
}

}  // namespace
}  // namespace relaunch::test
