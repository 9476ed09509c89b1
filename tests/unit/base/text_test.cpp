#include "common/base/text.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

namespace relaunch::text {
namespace {

using namespace std::string_literals;

TEST(Text, CatJoinsTextNumbersAndPaths) {
  const std::filesystem::path path{u8"caf\u00e9"};
  EXPECT_EQ(cat("a", 'b', std::string{"c"}, std::string_view{"d"}, 12, path),
            "abcd12caf\xC3\xA9");
}

TEST(Text, PrintableEscapesWhatATerminalObeys) {
  EXPECT_EQ(printable("plain caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80"),
            "plain caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80");
  EXPECT_EQ(printable("a\x1b[2J\r\n\t\x7f"), R"(a\x1B[2J\x0D\x0A\x09\x7F)");
  EXPECT_EQ(printable("\xC2\x9B"
                      "2J"),
            R"(\xC2\x9B2J)");
  EXPECT_EQ(printable("\0"s), R"(\x00)");
}

TEST(Text, BytesThatAreNoUtf8AreEscaped) {
  for (const char* bad :
       {"\xFF", "\x80", "\xC0\xAF", "\xE0\x80\x80", "\xED\xA0\x80",
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xE2\x82", "\xC3"}) {
    const std::string cleaned = valid_utf8(bad);
    EXPECT_EQ(cleaned.size(), 4 * std::string{bad}.size()) << cleaned;
  }
  EXPECT_EQ(valid_utf8("\xE2\x82z"), R"(\xE2\x82z)");
}

TEST(Text, ValidUtf8KeepsControlCharacters) {
  EXPECT_EQ(valid_utf8("a\n\x1b"), "a\n\x1b");
}

TEST(Text, PathsGoThroughUtf8Unchanged) {
  const std::string name = "r\xC3\xA9lease \xE4\xB8\xAD/\xF0\x9F\x98\x80";
  EXPECT_EQ(utf8(path_from_utf8(name)), name);
}

}  // namespace
}  // namespace relaunch::text
