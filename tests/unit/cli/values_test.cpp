#include "cli/values.hpp"

#include <gmock/gmock.h>

namespace relaunch::cli {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;
using Words = std::vector<std::string>;

Words split(std::string_view text) {
  const auto words = split_words(text);
  return words ? *words : Words{"error: " + words.error().why};
}

TEST(Words, AreSplitAtBlanksAndKeptTogetherByQuotes) {
  EXPECT_THAT(split("  cmake  --build\tbuild "),
              ElementsAre("cmake", "--build", "build"));
  EXPECT_THAT(split(R"(say "a b" 'c "d"' "" x"y z"w)"),
              ElementsAre("say", "a b", "c \"d\"", "", "xy zw"));
  EXPECT_THAT(split(" "), IsEmpty());
}

TEST(Words, HaveNoShellInThem) {
  EXPECT_THAT(split("a $HOME *.c ; b | c"),
              ElementsAre("a", "$HOME", "*.c", ";", "b", "|", "c"));
}

TEST(Words, TakeABackslashAsItIsOutsideDoubleQuotes) {
  EXPECT_THAT(split(R"(C:\tools\ninja.exe 'a\' "b\"c\\d\e")"),
              ElementsAre(R"(C:\tools\ninja.exe)", R"(a\)", R"(b"c\d\e)"));
}

TEST(Words, WithAnOpenQuoteAreRefused) {
  EXPECT_THAT(split("make \"a"), ElementsAre("error: a \" is not closed"));
  EXPECT_THAT(split("make 'a"), ElementsAre("error: a ' is not closed"));
}

TEST(Words, ComeBackAsTheyWereJoined) {
  const Words hard = {"",     " ",      "a b",  "\"",     "'",       "\\",
                      "a\\b", "a\\ \\", "\\\"", "\n x\t", "\xC3\xA4"};
  EXPECT_EQ(split(join_words(hard)), hard);
}

TEST(Duration, NeedsAUnit) {
  EXPECT_EQ(*parse_duration("500ms"), milliseconds{500});
  EXPECT_EQ(*parse_duration("10s"), milliseconds{10'000});
  EXPECT_EQ(*parse_duration("2m"), milliseconds{120'000});
  EXPECT_EQ(*parse_duration("1h"), milliseconds{3'600'000});
  for (const auto* bad :
       {"", "10", "s", "0s", "-1s", "1.5s", " 1s", "1s ", "1d", "9000h",
        "99999999999999999999s", "9223372036854775807h"}) {
    EXPECT_FALSE(parse_duration(bad)) << bad;
  }
}

TEST(Count, KeepsItsLimits) {
  EXPECT_EQ(*parse_count("7", 1, 7), 7U);
  for (const auto* bad : {"", "0", "8", "-1", "1x", "4294967297"}) {
    EXPECT_FALSE(parse_count(bad, 1, 7)) << bad;
  }
}

TEST(ListenerValue, HasANameAndANumericAddress) {
  EXPECT_EQ(parse_listener("http=systemd:")->address, "systemd:");
  EXPECT_EQ(parse_listener("http=systemd:web")->address, "systemd:web");
  EXPECT_FALSE(parse_listener("http=systemd:a:b"));
  EXPECT_FALSE(parse_listener("http=systemd"));
  const auto listener = parse_listener("http=tcp://[::1]:80");
  ASSERT_TRUE(listener);
  EXPECT_EQ(listener->name, "http");
  EXPECT_EQ(listener->address, "tcp://[::1]:80");
  const auto local = parse_listener("local=unix:///run/a=b.sock");
  ASSERT_TRUE(local);
  EXPECT_EQ(local->address, "unix:///run/a=b.sock");
  EXPECT_TRUE(parse_listener("local=unix-abstract://app"));
  EXPECT_FALSE(parse_listener("local=unix://@app"));
  EXPECT_FALSE(parse_listener("local=pipe://app"));
  for (const auto* bad :
       {"tcp://127.0.0.1:80", "=tcp://127.0.0.1:80", "a:b=tcp://127.0.0.1:80",
        "http=127.0.0.1:80", "http=tcp://localhost:80",
        "http=tcp://127.0.0.1:65536", "http=udp://127.0.0.1:1"}) {
    EXPECT_FALSE(parse_listener(bad)) << bad;
  }
}

TEST(ProbeValue, TakesATargetWhereItNeedsOne) {
  constexpr std::string_view kAll = "http|tcp|command|none";
  EXPECT_THAT(parse_probe("http:/health", kAll)->target,
              ElementsAre("/health"));
  EXPECT_THAT(parse_probe("command:check 'a b'", kAll)->target,
              ElementsAre("check", "a b"));
  EXPECT_EQ(parse_probe("tcp", kAll)->kind, supervisor::Readiness::tcp);
  for (const auto* bad : {"http", "http:", "http:health", "http:/a b",
                          "command:", "tcp:80", "none:", "notify", ""}) {
    EXPECT_FALSE(parse_probe(bad, kAll)) << bad;
  }
}

}  // namespace
}  // namespace relaunch::cli
