#include "relaunch/error.hpp"

#include <gmock/gmock.h>

#include <set>
#include <string>

#include "common/base/result.hpp"
#include "relaunch/outcome.hpp"

namespace relaunch {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Error, SaysWhatWasAttemptedAndWhy) {
  const Error error{errc::busy, "cannot upgrade hello"};
  EXPECT_EQ(error.text(), "cannot upgrade hello: another upgrade is under way");
  EXPECT_STREQ(error.what(), error.text().c_str());
  EXPECT_EQ(error.code(), errc::busy);
}

TEST(Error, AddsTheNumberOfASystemError) {
  const Error error{{2, std::system_category()}, "cannot read a: open"};
  EXPECT_THAT(error.text(), HasSubstr("cannot read a: open: "));
  EXPECT_THAT(error.text(), HasSubstr("(system:2)"));
}

TEST(Error, DoesNotRepeatItsOwnWords) {
  const Error error{errc::build_failed, "the build failed: exit code 2"};
  EXPECT_EQ(error.text(), "the build failed: exit code 2");
}

TEST(Error, EveryCodeHasOneCalmLineOfItsOwn) {
  std::set<std::string> seen;
  for (int code = 1; code <= static_cast<int>(errc::channel_lost); ++code) {
    const std::string line = relaunch_category().message(code);
    EXPECT_THAT(line, Not(HasSubstr("unknown"))) << code;
    EXPECT_EQ(line.find_first_of("\n!"), line.npos) << line;
    EXPECT_TRUE(seen.insert(line).second) << line;
  }
  EXPECT_STREQ(relaunch_category().name(), "relaunch");
  EXPECT_EQ(relaunch_category().message(9999), "unknown error");
}

TEST(Result, ThrowsItsOwnErrorWhenThereIsNoValue) {
  const Result<int> result = Error{errc::busy, "x"};
  EXPECT_THROW(result.value(), Error);
}

TEST(Outcome, PrintsPhasesAndResultsInTheProjectsWords) {
  std::string phases;
  for (int phase = 0; phase <= static_cast<int>(Phase::done); ++phase) {
    phases += to_string(static_cast<Phase>(phase));
    phases += ' ';
  }
  EXPECT_EQ(phases,
            "idle build stage launch prepare switch probation commit drain "
            "done ");
  EXPECT_EQ(to_string(Outcome::Result::done), "done");
  EXPECT_EQ(to_string(Outcome::Result::nothing_to_do), "nothing to do");
  EXPECT_EQ(to_string(Outcome::Result::failed), "failed");
  EXPECT_EQ(to_string(Outcome::Result::rolled_back), "rolled back");
  EXPECT_EQ(to_string(Outcome::Result::refused), "refused");
}

}  // namespace
}  // namespace relaunch
