#include <gtest/gtest.h>

#include "common/supervisor/listener_service.hpp"

namespace relaunch::test {
namespace {

using supervisor::why_refused;

const std::string kSecret = "0f8fad5b-d9cb-469f-a165-70867728950e";

TEST(ListenerRequest, TheSecretAndTheRightNumberAreAllThatIsAnswered) {
  EXPECT_EQ(why_refused(kSecret + "|4121", kSecret, 4121), std::nullopt);
  EXPECT_EQ(why_refused(kSecret + "|4294967295", kSecret, 4294967295u),
            std::nullopt);
  EXPECT_EQ(why_refused(kSecret + "|4122", kSecret, 4121),
            "process 4122 asks, and they are for 4121");
}

TEST(ListenerRequest, WhatIsNoQuestionIsRefused) {
  std::string other = kSecret;
  other.back() = 'f';
  for (const std::string& bad : {std::string{},
                                 std::string{"|"},
                                 std::string{"|4121"},
                                 kSecret,
                                 kSecret + "|",
                                 kSecret + "|4121 ",
                                 kSecret + "|4121\n",
                                 kSecret + "| 4121",
                                 kSecret + "|+4121",
                                 kSecret + "|-4121",
                                 kSecret + "|0x1019",
                                 kSecret + "|4121|4121",
                                 kSecret + "|4294971417",
                                 kSecret + "|04121000000",
                                 kSecret + ":4121",
                                 kSecret + "0|4121",
                                 kSecret.substr(1) + "|4121",
                                 other + "|4121",
                                 "x" + kSecret + "|4121",
                                 std::string(48, '0'),
                                 std::string(36, '\0') + "|4121",
                                 kSecret + std::string{"|4121\0", 6}}) {
    EXPECT_NE(why_refused(bad, kSecret, 4121), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace relaunch::test
