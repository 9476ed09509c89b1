#include "cli/command.hpp"

#include <gmock/gmock.h>

#include <algorithm>

#include "cli/option_table.hpp"
#include "common/base/text.hpp"
#include "support/scratch_folder.hpp"

namespace relaunch::test {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::StartsWith;

/// It ended by itself with this code, and said so much.
void expect_end(const ChildResult& result, unsigned code,
                const testing::Matcher<std::string>& output) {
  EXPECT_TRUE(result.in_time);
  EXPECT_EQ(result.status.text(), "exit code " + std::to_string(code));
  EXPECT_THAT(result.output, output);
}

TEST(Command, TellsItsVersion) {
  const auto is_version = ContainsRegex("^relaunch .*\\..*\\..*\n$");
  expect_end(run_command({"version"}), 0, is_version);
  expect_end(run_command({"--version"}), 0, is_version);
}

TEST(Command, HelpsWithEachVerb) {
  expect_end(run_command({"--help"}), 0, HasSubstr("Exit codes:"));
  for (const cli::VerbInfo& verb : cli::verbs()) {
    const std::string name{verb.name};
    expect_end(run_command({name, "--help"}), 0,
               StartsWith("relaunch " + name + ": "));
  }
}

TEST(Command, EndsWithOneLineAndTheTablesCode) {
  struct Misuse {
    std::vector<std::string> words;
    std::vector<std::string> variables;
    unsigned code;
    std::string line;
  };
  const Misuse table[] = {
      {{}, {}, 64, "no verb is given"},
      {{"frobnicate"}, {}, 64, "'frobnicate'"},
      {{"run", "--frob", "--", "x"}, {}, 64, "--frob"},
      {{"status", "--name", "a/b"}, {}, 64, "'a/b'"},
      {{"check-config", "--", "x"}, {"RELAUNCH_GRACE=1"}, 78, "RELAUNCH_GRACE"},
      {{"check-config", "--build", "make", "--", "x"}, {}, 78, "--artifact"},
      {{"check-config", "--config", "not there", "--", "x"},
       {},
       74,
       "not there"},
  };
  for (const auto& [words, variables, code, line] : table) {
    const auto result = run_command(words, variables);
    expect_end(result, code, StartsWith("relaunch: "));
    EXPECT_THAT(result.output, HasSubstr(line));
    EXPECT_EQ(std::count(result.output.begin(), result.output.end(), '\n'), 1);
  }
}

TEST(Command, ExplainsWhatItReadFromAllSources) {
  const ScratchFolder folder;
  write_file(folder / "shop.ini",
             "name = shop\n"
             "listen = http=tcp://127.0.0.1:0\n"
             "grace = 3s\n"
             "drain-deadline = 4s\n");
  const auto result =
      run_command({"check-config", "--config", text::utf8(folder / "shop.ini"),
                   "--grace", "5s", "--", "./server"},
                  {"RELAUNCH_DRAIN_DEADLINE=6s"});
  expect_end(result, 0, ContainsRegex("grace += 5s +\\(command line\\)"));
  EXPECT_THAT(result.output,
              ContainsRegex("drain-deadline += 6s +\\(RELAUNCH_DRAIN_DEADLI"));
  EXPECT_THAT(
      result.output,
      ContainsRegex("listen += http=tcp://127.0.0.1:0 .*shop.ini:2\\)"));
  EXPECT_THAT(result.output, ContainsRegex("state-folder += .*shop"));
}

TEST(Command, NamesTheLineOfAFileThatIsWrong) {
  const ScratchFolder folder;
  write_file(folder / "shop.ini", "# a comment\r\n\r\nlisten-to = x\r\n");
  const auto result =
      run_command({"check-config", "--config", text::utf8(folder / "shop.ini"),
                   "--", "./server"});
  expect_end(result, 78, HasSubstr("shop.ini:3: unknown key 'listen-to'"));
}

TEST(Command, TakesWordsInAnyScriptAsTheyAre) {
  const ScratchFolder folder;
  const std::string name = "caf\xC3\xA9 \xE6\xBC\xA2\xE5\xAD\x97";
  const std::string file = text::utf8(folder / text::path_from_utf8(name));
  write_file(text::path_from_utf8(file), "grace = 7s\n");
  const auto result = run_command({"check-config", "--name", "x", "--config",
                                   file, "--", "./" + name, "\xF0\x9F\x90\x9A"},
                                  {"RELAUNCH_FOLDER=" + name});
  expect_end(result, 0, ContainsRegex("grace += 7s"));
  EXPECT_THAT(result.output, HasSubstr("\"./" + name + "\" \xF0\x9F\x90\x9A"));
  EXPECT_THAT(result.output, ContainsRegex("folder +=.*" + name));
}

TEST(Command, MakesNothingWhenItOnlyChecks) {
  const ScratchFolder folder;
  const auto state = folder / "state";
  expect_end(run_command({"check-config", "--state-folder", text::utf8(state),
                          "--run-folder", text::utf8(folder / "run"), "--",
                          "./server"}),
             0, HasSubstr("state"));
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace relaunch::test
