#include "common/supervisor/notify_message.hpp"

#include <gtest/gtest.h>

namespace relaunch::test {
namespace {

using std::chrono::milliseconds;
using supervisor::NotifyMessage;
using supervisor::parse_notify;

TEST(NotifyMessage, SeveralLinesOfOneDatagramAreHeard) {
  const auto message = parse_notify(
      "READY=1\nSTATUS=Gunicorn arbiter booted\nMAINPID=42\nERRNO=2");
  ASSERT_TRUE(message);
  EXPECT_TRUE(message->ready);
  EXPECT_EQ(message->status, "Gunicorn arbiter booted");
  EXPECT_EQ(message->main_pid, 42U);
  EXPECT_EQ(message->error, 2U);
  EXPECT_FALSE(message->stopping);
  EXPECT_FALSE(message->alive);
}

TEST(NotifyMessage, OnlyOneMeansYes) {
  for (const char* text : {"READY=0", "READY=", "READY", "READY=11", "ready=1",
                           " READY=1", "XREADY=1", "READY=yes"}) {
    EXPECT_FALSE(parse_notify(text)->ready) << text;
  }
  EXPECT_TRUE(parse_notify("\n\nSTOPPING=1\n")->stopping);
  EXPECT_TRUE(parse_notify("BARRIER=1")->barrier);
}

TEST(NotifyMessage, WatchdogIsFedOrTriggered) {
  EXPECT_TRUE(parse_notify("WATCHDOG=1")->alive);
  EXPECT_FALSE(parse_notify("WATCHDOG=1")->sick);
  EXPECT_TRUE(parse_notify("WATCHDOG=trigger")->sick);
  EXPECT_FALSE(parse_notify("WATCHDOG=trigger")->alive);
}

TEST(NotifyMessage, TimesAreRoundedUpAndLimited) {
  EXPECT_EQ(parse_notify("EXTEND_TIMEOUT_USEC=1")->extend, milliseconds{1});
  EXPECT_EQ(parse_notify("EXTEND_TIMEOUT_USEC=1500000")->extend,
            milliseconds{1500});
  EXPECT_EQ(parse_notify("EXTEND_TIMEOUT_USEC=18446744073709551615")->extend,
            supervisor::kMaxNoticeTime);
  EXPECT_EQ(parse_notify("WATCHDOG_USEC=2000000")->watchdog,
            milliseconds{2000});
}

TEST(NotifyMessage, NumberThatIsNoneIsPassedOver) {
  for (const char* digits : {"", "0", "-1", "1 ", " 1", "1s", "+1", "0x10",
                             "18446744073709551616"}) {
    const std::string text = std::string{"EXTEND_TIMEOUT_USEC="} + digits;
    EXPECT_FALSE(parse_notify(text)->extend) << text;
  }
  EXPECT_FALSE(parse_notify("MAINPID=4294967296")->main_pid);
  EXPECT_FALSE(parse_notify("ERRNO=-1")->error);
}

TEST(NotifyMessage, StatusIsFitForOneLineOfALog) {
  EXPECT_EQ(parse_notify("STATUS=a\x1b[31m\rb")->status, "a\\x1B[31m\\x0Db");
  const std::string longest(3000, 'x');
  EXPECT_EQ(parse_notify("STATUS=" + longest)->status->size(),
            supervisor::kMaxStatusBytes);
}

TEST(NotifyMessage, WhatIsTooLongOrHasZeroBytesIsNoMessage) {
  using namespace std::string_view_literals;
  EXPECT_TRUE(parse_notify("READY=1\0"sv)->ready);
  EXPECT_FALSE(parse_notify("READY=1\0READY=1"sv));
  const std::string whole(supervisor::kMaxNoticeBytes, 'x');
  EXPECT_TRUE(parse_notify(whole));
  EXPECT_FALSE(parse_notify(whole + "x"));
}

}  // namespace
}  // namespace relaunch::test
