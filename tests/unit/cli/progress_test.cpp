#include "cli/progress.hpp"

#include <gmock/gmock.h>

namespace relaunch::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kClear = "\r\x1b[2K";

/// What can be seen of a live line.
std::string visible(std::string text) {
  for (const std::string_view hidden :
       {"\r", "\x1b[2K", "\x1b[1m", "\x1b[0m"}) {
    for (auto at = text.find(hidden); at != text.npos; at = text.find(hidden)) {
      text.erase(at, hidden.size());
    }
  }
  return text;
}

TEST(Screen, HasNoColorWhereNobodyWantsIt) {
  EXPECT_TRUE(make_screen(80, {}).color);
  EXPECT_TRUE(make_screen(80, "").color);
  EXPECT_FALSE(make_screen(80, "1").color);
  EXPECT_FALSE(make_screen({}, {}).color);
  EXPECT_EQ(make_screen({}, {}).width, 0U);
}

TEST(Step, IsReadFromNinjaAndMake) {
  const auto ninja = parse_step("[12/40] Linking server");
  ASSERT_TRUE(ninja);
  EXPECT_EQ(ninja->done, 12U);
  EXPECT_EQ(ninja->all, 40U);
  EXPECT_EQ(ninja->text, "Linking server");
  const auto make = parse_step("[ 30%] Building main.cpp.o");
  ASSERT_TRUE(make);
  EXPECT_EQ(make->done, 30U);
  EXPECT_EQ(make->all, 100U);
  for (const auto* other :
       {"", "[", "[1]", "[1/]", "[/2]", "[1/0] x", "[3/2] x", "[x/2] x", "[1/2",
        "1/2 x", "[-1/2] x", "[1/99999999999] x", "[130%] x"}) {
    EXPECT_FALSE(parse_step(other)) << other;
  }
}

TEST(Progress, ElsewhereThanOnATerminalIsWholePlainLines) {
  Progress progress{Screen{}};
  EXPECT_EQ(progress.phase("build", seconds{0}), "[0:00] build\n");
  EXPECT_EQ(progress.line("[1/2] x", seconds{1}), "[1/2] x\n");
  EXPECT_EQ(progress.tick(seconds{2}), "");
  EXPECT_EQ(progress.phase("stage", seconds{62}), "[1:02] stage\n");
  EXPECT_EQ(progress.end(), "");
}

TEST(Progress, OnATerminalMakesABarOfTheBuildsSteps) {
  Progress progress{Screen{80, false}};
  progress.phase("build", seconds{0});
  const auto half = progress.line("[20/40] Linking server", seconds{7});
  EXPECT_EQ(half, std::string{kClear} +
                      "build  0:07  [############------------] 20/40  "
                      "Linking server");
  EXPECT_THAT(progress.line("[40/40] done", seconds{8}),
              HasSubstr("[########################] 40/40"));
  EXPECT_THAT(progress.phase("stage", seconds{9}), Not(HasSubstr("#")));
}

TEST(Progress, OnATerminalPutsOtherLinesAboveTheLiveOne) {
  Progress progress{Screen{80, false}};
  progress.phase("build", seconds{0});
  EXPECT_EQ(progress.line("warning: unused", seconds{1}),
            std::string{kClear} + "warning: unused\nbuild  0:01");
  EXPECT_EQ(progress.end(), kClear);
}

TEST(Progress, NeverWritesPastTheTerminalsWidth) {
  for (unsigned width = 1; width < 60; ++width) {
    Progress progress{Screen{width, true}};
    for (const auto& text :
         {progress.phase("probation", seconds{4000}),
          progress.line("[3/7] \xE6\xBC\xA2\xE5\xAD\x97 a long text indeed",
                        seconds{4000})}) {
      std::size_t columns = 0;
      for (const char c : visible(text)) {
        columns += (c & '\xC0') == '\x80'                  ? 0
                   : static_cast<unsigned char>(c) >= 0x80 ? 2
                                                           : 1;
      }
      EXPECT_LT(columns, std::max(width, 1U)) << width;
    }
  }
}

TEST(Progress, UsesColorOnlyWhereItIsWanted) {
  Progress plain{Screen{80, false}};
  EXPECT_THAT(plain.phase("build", seconds{0}), Not(HasSubstr("\x1b[1m")));
  Progress colored{Screen{80, true}};
  EXPECT_THAT(colored.phase("build", seconds{0}),
              HasSubstr("\x1b[1mbuild\x1b[0m"));
}

TEST(Progress, ObeysNoSequenceOfTheBuild) {
  for (const unsigned width : {0U, 80U}) {
    Progress progress{Screen{width, false}};
    progress.phase("build", seconds{0});
    for (const auto* line : {"\x1b[2Jgone\rx", "[1/2] \x1b]0;title\x07"}) {
      const auto text = visible(progress.line(line, seconds{0}));
      EXPECT_THAT(text, Not(HasSubstr("\x1b")));
      EXPECT_THAT(text, Not(HasSubstr("\r")));
      EXPECT_THAT(text, HasSubstr("\\x1B"));
    }
  }
}

TEST(Clock, CountsMinutesAndHours) {
  EXPECT_EQ(clock(milliseconds{7'999}), "0:07");
  EXPECT_EQ(clock(milliseconds{62'000}), "1:02");
  EXPECT_EQ(clock(milliseconds{3'723'000}), "1:02:03");
}

}  // namespace
}  // namespace relaunch::cli
