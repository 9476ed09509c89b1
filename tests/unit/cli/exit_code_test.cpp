#include "cli/exit_code.hpp"

#include <gtest/gtest.h>

#include <set>

namespace relaunch::cli {
namespace {

Outcome outcome(Outcome::Result result, std::error_code code = {}) {
  Outcome made;
  made.result = result;
  made.code = code;
  made.serving_pid = 71;
  return made;
}

int number(const Outcome& ended) { return static_cast<int>(exit_code(ended)); }
int number(std::error_code code) {
  return static_cast<int>(exit_code(Error{code, "cannot try"}));
}

TEST(ExitCodeTable, HasTheDocumentedNumbersOnce) {
  std::multiset<int> numbers;
  for (const auto& each : exit_codes()) {
    numbers.insert(static_cast<int>(each.code));
    EXPECT_FALSE(each.meaning.empty());
  }
  EXPECT_EQ(numbers, (std::multiset<int>{0, 10, 20, 21, 64, 65, 69, 70, 74, 75,
                                         76, 77, 78}));
}

TEST(ExitCodeTable, TellsHowAnUpgradeEnded) {
  using enum Outcome::Result;
  EXPECT_EQ(number(outcome(done)), 0);
  EXPECT_EQ(number(outcome(nothing_to_do)), 10);
  EXPECT_EQ(number(outcome(failed, errc::build_failed)), 20);
  EXPECT_EQ(number(outcome(failed, errc::successor_exited)), 20);
  EXPECT_EQ(number(outcome(failed, errc::stopped)), 20);
  EXPECT_EQ(number(outcome(failed,
                           std::make_error_code(std::errc::permission_denied))),
            20);
  EXPECT_EQ(number(outcome(failed, errc::artifact_missing)), 65);
  EXPECT_EQ(number(outcome(failed, errc::release_held)), 65);
  EXPECT_EQ(number(outcome(failed, errc::version_mismatch)), 76);
  Outcome nobody = outcome(failed, errc::build_failed);
  nobody.serving_pid = 0;
  EXPECT_EQ(number(nobody), 70);
  EXPECT_EQ(number(outcome(rolled_back, errc::unhealthy)), 21);
  EXPECT_EQ(number(outcome(rolled_back, errc::artifact_missing)), 21);
}

TEST(ExitCodeTable, TellsWhyAnUpgradeWasRefused) {
  using enum Outcome::Result;
  EXPECT_EQ(number(outcome(refused, errc::busy)), 75);
  EXPECT_EQ(number(outcome(refused, errc::not_permitted)), 77);
  EXPECT_EQ(number(outcome(refused, errc::release_held)), 65);
  EXPECT_EQ(number(outcome(refused, errc::invalid_argument)), 78);
}

TEST(ExitCodeTable, TellsErrorsOfTheSystemApart) {
  const auto system = [](std::errc code) {
    return number(std::make_error_code(code));
  };
  EXPECT_EQ(system(std::errc::permission_denied), 77);
  EXPECT_EQ(system(std::errc::address_in_use), 69);
  EXPECT_EQ(system(std::errc::connection_refused), 69);
  EXPECT_EQ(system(std::errc::no_space_on_device), 74);
  EXPECT_EQ(system(std::errc::no_such_file_or_directory), 74);
  EXPECT_EQ(number(errc::malformed_frame), 76);
  EXPECT_EQ(number(errc::channel_lost), 69);
}

// A new error must be given a place in the table.
TEST(ExitCodeTable, KnowsEveryErrorOfTheLibrary) {
  for (int code = 1; code <= static_cast<int>(errc::channel_lost); ++code) {
    const std::error_code each{code, relaunch_category()};
    EXPECT_NE(number(each), 70) << each.message();
  }
}

}  // namespace
}  // namespace relaunch::cli
