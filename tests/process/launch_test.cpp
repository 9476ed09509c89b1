#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "common/base/text.hpp"
#include "common/os/process.hpp"
#include "support/child.hpp"
#include "support/event_wait.hpp"
#include "support/scratch_folder.hpp"
#include "support/system_facts.hpp"

namespace relaunch::test {
namespace {

using os::ExitStatus;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

RELAUNCH_CHILD_MAIN(tells_arguments) {
  for (const auto& one : args) say(hex(one));
  return 0;
}

TEST(Launch, ArgumentsArriveByteForByte) {
  const std::vector<std::string> nasty = {
      "",
      " ",
      "plain",
      "two words",
      "\"",
      "\"quoted\"",
      "mid\"dle",
      "\\",
      "\\\\",
      "trailing\\",
      "trailing two words\\",
      "trailing\\\\",
      "\\\"",
      "a\\\"b",
      "a\\\\\"b c\\",
      "C:\\Program Files\\x\\",
      "tab\there",
      "line\nend",
      "return\rhere",
      "100%PATH%",
      "^&|<>()!",
      "$HOME `id` $(id) ; #",
      "*?[a-z]*",
      "'single'",
      "--child=other",
      "gr\xc3\xbc\xc3\x9f",                    // German
      "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e",  // Japanese
      "\xf0\x9f\x9a\x80",                      // beyond 16 bits
      std::string(5000, 'x'),
  };
  std::vector<std::string> expected;
  for (const auto& one : nasty) expected.push_back(hex(one));

  const auto result = run_child(child_request("tells_arguments", nasty));

  EXPECT_TRUE(result.status.success()) << result.status.text();
  EXPECT_EQ(lines_of(result.output), expected);
}

RELAUNCH_CHILD_MAIN(tells_variables) {
  for (const auto& name : args) {
    const auto value = os::environment_variable(name);
    say(value ? "=" + hex(*value) : "unset");
  }
  return 0;
}

TEST(Launch, EnvironmentIsTheOneGivenAndNoOther) {
  auto request = child_request("tells_variables",
                               {"RELAUNCH_TEST_A", "RELAUNCH_TEST_B", "PATH"});
  std::erase_if(request.environment, [](std::string entry) {
    std::transform(entry.begin(), entry.end(), entry.begin(), [](char c) {
      return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    });
    return entry.starts_with("PATH=");
  });
  const std::string value = "gr\xc3\xbc\xc3\x9f = \"x\" \\";
  request.environment.push_back("RELAUNCH_TEST_A=" + value);
  ASSERT_TRUE(os::environment_variable("PATH"));

  const auto result = run_child(std::move(request));

  EXPECT_EQ(lines_of(result.output),
            (std::vector<std::string>{"=" + hex(value), "unset", "unset"}));
}

RELAUNCH_CHILD_MAIN(tells_folder) {
  say(hex(text::utf8(std::filesystem::current_path())));
  return 0;
}

TEST(Launch, ChildStartsInTheFolderGiven) {
  const ScratchFolder scratch;
  const auto folder =
      scratch / text::path_from_utf8("gr\xc3\xbc\xc3\x9f \xf0\x9f\x9a\x80");
  std::filesystem::create_directory(folder);
  auto request = child_request("tells_folder");
  request.folder = folder;

  EXPECT_EQ(run_child(std::move(request)).output,
            hex(text::utf8(folder)) + "\n");
}

RELAUNCH_CHILD_MAIN(returns) { return std::atoi(args.at(0).c_str()); }

TEST(Launch, ExitCodeIsToldAsItWas) {
  const auto good = run_child(child_request("returns", {"0"})).status;
  EXPECT_TRUE(good.success());
  EXPECT_EQ(good.text(), "exit code 0");

  const auto bad = run_child(child_request("returns", {"7"})).status;
  EXPECT_FALSE(bad.success());
  EXPECT_EQ(bad.kind, ExitStatus::Kind::exited);
  EXPECT_EQ(bad.code, 7u);
  EXPECT_EQ(bad.text(), "exit code 7");
}

RELAUNCH_CHILD_MAIN(crashes) {
  std::signal(SIGSEGV, SIG_DFL);  // a sanitizer has its own
  volatile int* volatile nowhere = nullptr;
  *nowhere = 1;
  return 0;
}

TEST(Launch, CrashIsToldInTheSystemsWords) {
  const auto status = run_child(child_request("crashes")).status;
  EXPECT_FALSE(status.success());
  EXPECT_EQ(status.text(), crash_text());
}

TEST(Launch, MissingProgramIsAnErrorThatNamesItAndLeavesNoHandle) {
  const ScratchFolder scratch;
  os::LaunchRequest request;
  request.executable = scratch / "missing";
  request.arguments = {"missing"};
  const auto pair = os::make_channel_pair().value();
  request.handles.push_back({"RELAUNCH_TEST_X", pair.theirs.get()});
  const auto before = list_open_handles();

  const auto process = os::launch(request);

  ASSERT_FALSE(process);
  EXPECT_EQ(process.error().code(), std::errc::no_such_file_or_directory);
  EXPECT_TRUE(process.error().text().starts_with(
      text::cat("cannot start ", request.executable, ": ")))
      << process.error().text();
  EXPECT_EQ(list_open_handles().size(), before.size());
}

TEST(Launch, MissingFolderIsAnErrorAndNothingRuns) {
  const ScratchFolder scratch;
  auto request = child_request("returns", {"0"});
  request.folder = scratch / "missing";

  const auto process = os::launch(request);

  ASSERT_FALSE(process);
  EXPECT_TRUE(process.error().text().starts_with("cannot start "))
      << process.error().text();
}

TEST(Launch, FileThatIsNoProgramIsAnError) {
  const ScratchFolder scratch;
  os::LaunchRequest request;
  request.executable = scratch / "text.exe";
  request.arguments = {"text"};
  write_file(request.executable, "no program at all");
  std::filesystem::permissions(request.executable,
                               std::filesystem::perms::owner_all);

  const auto process = os::launch(request);

  ASSERT_FALSE(process);
  EXPECT_TRUE(process.error().text().starts_with("cannot start "))
      << process.error().text();
}

RELAUNCH_CHILD_MAIN(tells_handles) {
  for (const auto& handle : list_open_handles()) say(handle);
  return 0;
}

std::size_t handles_in_child(os::LaunchRequest request) {
  const auto result = run_child(std::move(request));
  EXPECT_TRUE(result.status.success()) << result.output;
  return lines_of(result.output).size();
}

TEST(Launch, ChildReceivesTheHandlesNamedForItAndNoOther) {
  const std::size_t bare = handles_in_child(child_request("tells_handles"));
  const auto stray = open_inheritable_stray();
  const auto another = open_inheritable_stray();
  const auto third = open_inheritable_stray();
  ASSERT_TRUE(is_stray(stray.get()));

  auto request = child_request("tells_handles");
  EXPECT_EQ(handles_in_child(request), bare);
  request.handles = {{"RELAUNCH_TEST_A", stray.get()},
                     {"RELAUNCH_TEST_B", third.get()}};
  EXPECT_EQ(handles_in_child(request), bare + 2);
}

RELAUNCH_CHILD_MAIN(finds_stray) {
  return is_stray(passed_handle(args.at(0))) ? 0 : 1;
}

TEST(Launch, HandleThatWasNotNamedIsClosedInTheChild) {
  const auto stray = open_inheritable_stray();
  auto request = child_request("finds_stray", {"RELAUNCH_TEST_NUMBER"});
  request.environment.push_back("RELAUNCH_TEST_NUMBER=" +
                                number_of(stray.get()));
  EXPECT_EQ(run_child(request).status.text(), "exit code 1");

  // The same look finds it where it was named.
  request.handles = {{"RELAUNCH_TEST_NUMBER", stray.get()}};
  EXPECT_EQ(run_child(request).status.text(), "exit code 0");
}

RELAUNCH_CHILD_MAIN(answers_on_each) {
  boost::asio::io_context io;
  std::size_t sent = 0;
  std::vector<std::unique_ptr<os::Channel>> channels;
  for (const auto& variable : args) {
    channels.push_back(
        std::make_unique<os::Channel>(io, os::Handle{passed_handle(variable)}));
    channels.back()->send({variable, {}, {}, 0}, {},
                          [&](std::optional<Error>) { ++sent; });
  }
  return wait_until(io, [&] { return sent == args.size(); }) ? 0 : 1;
}

TEST(Launch, EachHandleArrivesUnderItsOwnNameInAnyOrder) {
  // Opened one after the other and named backwards: a child that copied them
  // to their places one by one would overwrite one with another.
  constexpr std::size_t kLinks = 6;
  std::vector<os::ChannelPair> pairs;
  for (std::size_t i = 0; i < kLinks; ++i) {
    pairs.push_back(os::make_channel_pair().value());
  }
  std::vector<std::string> names;
  std::vector<os::PassedHandle> passed;
  for (std::size_t i = kLinks; i-- > 0;) {
    names.push_back(text::cat("RELAUNCH_TEST_LINK_", i));
    passed.push_back({names.back(), pairs[i].theirs.get()});
  }
  auto request = child_request("answers_on_each", names);
  request.handles = passed;

  boost::asio::io_context io;
  auto process = os::launch(request).value();
  const KilledAtEnd killed{process};
  std::vector<std::string> heard(kLinks);
  std::size_t answers = 0;
  std::vector<std::unique_ptr<os::Channel>> channels;
  for (std::size_t i = 0; i < kLinks; ++i) {
    pairs[i].theirs.reset();
    channels.push_back(
        std::make_unique<os::Channel>(io, std::move(pairs[i].ours)));
    channels.back()->start(
        [&heard, &answers, i](os::Received received) {
          heard[i] = received.frame.head;
          ++answers;
        },
        [](Error) {});
  }
  ASSERT_TRUE(wait_until(io, [&] { return answers == kLinks; }));
  for (std::size_t i = 0; i < kLinks; ++i) {
    EXPECT_EQ(heard[i], text::cat("RELAUNCH_TEST_LINK_", i));
  }
}

TEST(Launch, ThreadsThatLaunchAtOnceDoNotMixTheirChildren) {
  const std::size_t bare = handles_in_child(child_request("tells_handles"));
  std::vector<std::size_t> counts(3 * 4);
  std::vector<std::thread> threads;
  for (std::size_t thread = 0; thread < 3; ++thread) {
    threads.emplace_back([&counts, thread] {
      for (std::size_t i = 0; i < 4; ++i) {
        const auto stray = open_inheritable_stray();
        counts[thread * 4 + i] =
            handles_in_child(child_request("tells_handles"));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(counts, std::vector<std::size_t>(3 * 4, bare));
}

RELAUNCH_CHILD_MAIN(reads_input) { return std::getchar() == EOF ? 0 : 1; }

TEST(Launch, CapturedChildHasEmptyStandardInput) {
  EXPECT_TRUE(run_child(child_request("reads_input")).status.success());
}

RELAUNCH_CHILD_MAIN(tells_interrupt_handler) {
  return std::signal(SIGINT, SIG_DFL) == SIG_DFL ? 0 : 1;
}

TEST(Launch, ChildIgnoresNothingThatItsParentIgnores) {
  const auto before = std::signal(SIGINT, SIG_IGN);
  const auto result = run_child(child_request("tells_interrupt_handler"));
  std::signal(SIGINT, before);
  EXPECT_EQ(result.status.text(), "exit code 0");
}

TEST(Launch, EndIsSeenWhenTheHostIgnoresItsChildren) {
  const ChildrenIgnored ignored;
  auto process = os::launch(child_request("returns", {"7"})).value();
  EXPECT_TRUE(wait_for_end(process));
  EXPECT_TRUE(process.gone());
  const auto status = process.exit_status();
  EXPECT_FALSE(status.success());
  if (status.kind == ExitStatus::Kind::exited) {
    EXPECT_EQ(status.code, 7u);
  } else {
    EXPECT_EQ(status.text(), "exit status unknown");
  }

  os::LaunchRequest missing;
  missing.executable = std::filesystem::current_path() / "no such program";
  missing.arguments = {"x"};
  EXPECT_FALSE(os::launch(missing));
}

TEST(Launch, ZeroCharacterOrMissingNameIsRefused) {
  auto request = child_request("returns", {std::string("0\0x", 3)});
  EXPECT_FALSE(os::launch(request));
  request = child_request("returns", {"0"});
  request.environment.push_back(std::string("A=\0x", 4));
  EXPECT_FALSE(os::launch(request));
  request = child_request("returns", {"0"});
  request.arguments.clear();
  EXPECT_FALSE(os::launch(request));
}

}  // namespace
}  // namespace relaunch::test
