#include "cli/settings.hpp"

#include <gmock/gmock.h>

#include <set>

#include "cli/values.hpp"
#include "unit/cli/reading.hpp"

namespace relaunch::cli {
namespace {

using test::end_of;
using test::read;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

std::string origin(const Attempt<Settings>& settings, std::string_view name) {
  if (!settings) return settings.error().line;
  const Value* value = settings->value(name);
  return value ? value->text + " from " + value->origin : "none";
}

TEST(OptionTable, HasEachNameOnceAndDefaultsThatAreGood) {
  std::set<std::string_view> names;
  for (const OptionInfo& option : options()) {
    EXPECT_TRUE(names.insert(option.name).second) << option.name;
    EXPECT_FALSE(option.help.empty()) << option.name;
    EXPECT_NE(option.verbs, 0U) << option.name;
    EXPECT_EQ(option.value.empty(), option.kind == Kind::flag) << option.name;
    if (option.fallback.empty()) continue;
    EXPECT_TRUE(check_value(option, option.fallback)) << option.name;
  }
}

TEST(OptionTable, FindsEachVerbByItsName) {
  for (const VerbInfo& verb : verbs()) {
    EXPECT_EQ(find_verb(verb.name), verb.verb);
    EXPECT_EQ(info(verb.verb).name, verb.name);
  }
  EXPECT_FALSE(find_verb("restart"));
}

TEST(Settings, AreTakenFromCommandLineThenEnvironmentThenFile) {
  const std::string file = "grace = 3s\n";
  const std::vector<std::string> variable = {"RELAUNCH_GRACE=4s"};
  EXPECT_EQ(origin(read({{"run"}}), "grace"), "2s from default");
  EXPECT_THAT(
      origin(read({{"run"}, {}, file}), "grace"),
      testing::AllOf(StartsWith("3s from "), HasSubstr("relaunch.ini:1")));
  EXPECT_EQ(origin(read({{"run"}, variable, file}), "grace"),
            "4s from RELAUNCH_GRACE");
  EXPECT_EQ(origin(read({{"run", "--grace", "5s"}, variable, file}), "grace"),
            "5s from command line");
}

TEST(Settings, OfAHigherSourceReplaceAWholeList) {
  const std::string file =
      "listen = a=tcp://127.0.0.1:1\nlisten = b=tcp://127.0.0.1:2\n";
  EXPECT_EQ(read({{"run"}, {}, file})->values("listen").size(), 2U);
  const auto settings =
      read({{"run"},
            {"RELAUNCH_LISTEN=c=tcp://127.0.0.1:3 d=tcp://127.0.0.1:4"},
            file});
  ASSERT_TRUE(settings);
  ASSERT_EQ(settings->values("listen").size(), 2U);
  EXPECT_EQ(settings->values("listen")[1].text, "d=tcp://127.0.0.1:4");
}

TEST(Settings, TakeAnEmptyVariableAsNone) {
  EXPECT_EQ(origin(read({{"run"}, {"RELAUNCH_GRACE="}}), "grace"),
            "2s from default");
}

TEST(Settings, IgnoreVariablesThatAreNoOptions) {
  EXPECT_EQ(end_of(read({{"run"}, {"RELAUNCH_CHANNEL=3", "RELAUNCH_WAIT=1"}})),
            "fine");
}

TEST(Settings, NeverShowASecret) {
  EXPECT_EQ(end_of(read({{"run", "--env", "=hush"}})),
            "64: cannot use --env '': a variable is NAME=VALUE");
}

TEST(CommandLine, KeepsTheProgramsWordsExactly) {
  const auto settings =
      read({{"run", "--", "./server", "--grace", "a b", "", "--", "\\"}});
  ASSERT_TRUE(settings);
  EXPECT_THAT(*split_words(settings->text(kProgram)),
              ElementsAre("./server", "--grace", "a b", "", "--", "\\"));
}

struct Misuse {
  std::vector<std::string> words;
  std::string line;
};

TEST(CommandLine, IsRefusedInOneLineThatSaysWhatIsWrong) {
  const Misuse table[] = {
      {{}, "64: cannot do anything: no verb is given; try relaunch --help"},
      {{"restart"}, "64: cannot understand 'restart': there is no such verb"},
      {{"--name", "x"}, "64: cannot understand '--name': the verb comes first"},
      {{"run", "--bild", "x"}, "64: cannot read the command line: "},
      {{"run", "--grac", "1s"}, "64: cannot read the command line: "},
      {{"status", "--listen", "x"}, "64: cannot read the command line: "},
      {{"run", "--grace"}, "64: cannot read the command line: "},
      {{"run", "--grace", "1s", "--grace", "1s"},
       "64: cannot use --grace more than once"},
      {{"run", "./server"},
       "64: cannot use './server' here: write the program"},
      {{"run", "--"}, "64: no program is named after --"},
      {{"run", "--program", "a", "--", "b"},
       "64: cannot use --program and -- together"},
      {{"upgrade", "--supervisor", "--force"},
       "64: cannot use --supervisor with --force"},
      {{"upgrade", "--supervisor", "--", "x"},
       "64: cannot use --supervisor with --; try"},
      {{"stop", "--", "b"}, "64: cannot use -- with stop"},
      {{"rollback", "a", "b"}, "64: cannot use 'b' here"},
      {{"upgrade", "--wait", "--no-wait"},
       "64: cannot use --wait and --no-wait"},
      {{"upgrade", "--no-build", "--release", "x"},
       "64: cannot use --no-build with --release"},
      {{"run", "--grace", "5"}, "64: cannot use --grace '5': a duration is "},
      {{"run", "--grace", ""}, "64: cannot use --grace '': it is empty"},
      {{"run", "--listen", "http=localhost"}, "64: cannot use --listen "},
      {{"run", "--log-format", "xml"},
       "64: cannot use --log-format 'xml': it is one of text, logfmt, json"},
      {{"run", "--name", "../x"}, "64: cannot use --name '../x': a name has "},
      {{"run", "--executable", "../x"}, "64: cannot use --executable '../x': "},
      {{"run", "--grace", "\x1b[2J"}, "64: cannot use --grace '\\x1B[2J': "},
  };
  for (const auto& [words, line] : table) {
    const auto end = end_of(read({words}));
    EXPECT_THAT(end, StartsWith(line));
    EXPECT_EQ(end.find('\n'), end.npos);
  }
}

TEST(Environment, WithABadValueIsAConfigurationErrorThatNamesTheVariable) {
  EXPECT_THAT(end_of(read({{"run"}, {"RELAUNCH_GRACE=soon"}})),
              StartsWith("78: cannot use --grace 'soon' (RELAUNCH_GRACE): "));
  EXPECT_THAT(end_of(read({{"run"}, {"RELAUNCH_LISTEN=\"a"}})),
              StartsWith("78: cannot use --listen '\"a' (RELAUNCH_LISTEN): "));
}

struct BadFile {
  std::string content;
  std::string line;
};

TEST(ConfigFile, IsRefusedWithTheLineThatIsWrong) {
  const BadFile table[] = {
      {"# fine\n\ngrase = 1s\n", ":3: unknown key 'grase'"},
      {"grace = 1s\ngrace = 2s\n", ":2: 'grace' stands above already"},
      {"grace\n", ":1: a line is key = value"},
      {"[server]\n", ":1: there is no section '[server]', only [relaunch]"},
      {"wait = true\n", ":1: unknown key 'wait'"},
      {"config = x\n", ":1: unknown key 'config'"},
      {"\ngrace = soon\n", ":2): a duration is "},
      {"no-stage = maybe\n", ":1): it is true or false"},
      {"grace =\n", ":1): it is empty"},
  };
  for (const auto& [content, line] : table) {
    const auto end = end_of(read({{"run"}, {}, content}));
    EXPECT_THAT(end, StartsWith("78: cannot "));
    EXPECT_THAT(end, HasSubstr("relaunch.ini"));
    EXPECT_THAT(end, HasSubstr(line));
  }
}

TEST(ConfigFile, BearsCommentsBlanksWindowsLinesAndItsSection) {
  const auto settings = read({{"run"},
                              {},
                              "\xEF\xBB\xBF[relaunch]\r\n; a comment\r\n"
                              "  build =  cmake --build build # 1 \r\n"
                              "grace=1s"});
  ASSERT_EQ(end_of(settings), "fine");
  EXPECT_EQ(settings->text("build"), "cmake --build build # 1");
  EXPECT_EQ(settings->text("grace"), "1s");
}

TEST(ConfigFile, OfAnInstanceServesTheOtherVerbsToo) {
  const auto settings = read({{"stop"}, {}, "name = shop\ngrace = nonsense\n"});
  ASSERT_EQ(end_of(settings), "fine");
  EXPECT_EQ(settings->text("name"), "shop");
}

}  // namespace
}  // namespace relaunch::cli
