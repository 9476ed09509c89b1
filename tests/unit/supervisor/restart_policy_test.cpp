#include "common/supervisor/restart_policy.hpp"

#include <gtest/gtest.h>

namespace relaunch::supervisor {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
const RestartPolicy::Clock::time_point kStart{seconds{1'000}};

RestartOptions options() {
  RestartOptions options;
  options.delay = milliseconds{100};
  options.delay_max = milliseconds{350};
  options.crash_limit = 5;
  options.crash_window = seconds{60};
  options.stable = seconds{10};
  return options;
}

TEST(RestartPolicy, TheDelayDoublesUpToItsLimit) {
  RestartPolicy policy{options()};
  EXPECT_EQ(policy.ended(kStart, 0), milliseconds{100});
  EXPECT_EQ(policy.ended(kStart + seconds{1}, 0), milliseconds{200});
  EXPECT_EQ(policy.ended(kStart + seconds{2}, 0), milliseconds{350});
  EXPECT_EQ(policy.ended(kStart + seconds{3}, 0), milliseconds{350});
}

TEST(RestartPolicy, ChanceLengthensADelayByAQuarterAtMost) {
  for (const std::uint32_t chance : {0u, 1u, 255u, 256u, 0xFFFFFFFFu}) {
    RestartPolicy policy{options()};
    const auto delay = policy.ended(kStart, chance);
    ASSERT_TRUE(delay);
    EXPECT_GE(*delay, milliseconds{100});
    EXPECT_LE(*delay, milliseconds{125});
  }
}

TEST(RestartPolicy, OneThatServedLongBeginsAnew) {
  RestartPolicy policy{options()};
  policy.ended(kStart, 0);
  policy.ended(kStart, 0);
  policy.committed(kStart);
  EXPECT_EQ(policy.ended(kStart + seconds{10}, 0), milliseconds{100});
}

TEST(RestartPolicy, OneThatServedBrieflyGoesOnWithItsDelay) {
  RestartPolicy policy{options()};
  policy.ended(kStart, 0);
  policy.committed(kStart);
  EXPECT_EQ(policy.ended(kStart + seconds{9}, 0), milliseconds{200});
}

TEST(RestartPolicy, SoManyEndsWithinTheWindowAreACrashLoop) {
  RestartPolicy policy{options()};
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(policy.ended(kStart, 0));
  EXPECT_FALSE(policy.in_crash_loop());
  EXPECT_FALSE(policy.ended(kStart + seconds{60}, 0));
  EXPECT_TRUE(policy.in_crash_loop());
}

TEST(RestartPolicy, EndsThatAreFarApartAreNone) {
  RestartPolicy policy{options()};
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(policy.ended(kStart + i * seconds{16}, 0)) << i;
  }
}

TEST(RestartPolicy, ACrashLoopLastsUntilItIsForgiven) {
  RestartPolicy policy{options()};
  for (int i = 0; i < 5; ++i) policy.ended(kStart, 0);
  EXPECT_FALSE(policy.ended(kStart + seconds{600}, 0));
  policy.forgive();
  EXPECT_FALSE(policy.in_crash_loop());
  EXPECT_EQ(policy.ended(kStart + seconds{601}, 0), milliseconds{100});
}

}  // namespace
}  // namespace relaunch::supervisor
