#include <gmock/gmock.h>

#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/base/text.hpp"
#include "common/build/runner.hpp"
#include "support/child.hpp"
#include "support/event_wait.hpp"
#include "support/scratch_folder.hpp"
#include "support/system_facts.hpp"

namespace relaunch::test {
namespace {

using build::BuildCommand;
using build::Finished;
using build::kMaxLineBytes;
using build::kTailBytes;
using build::Runner;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

BuildCommand command_of(std::string_view child,
                        std::vector<std::string> args = {}) {
  const auto request = child_request(child, std::move(args));
  BuildCommand command{request.arguments, {}, request.environment};
  command.arguments[0] = text::utf8(request.executable);
  return command;
}

void print(std::string_view bytes) {
  std::fwrite(bytes.data(), 1, bytes.size(), stdout);
  std::fflush(stdout);
}

/// A child that stays until it is killed: longer than a test waits for it.
void stay() {
  boost::asio::io_context io;
  wait_until(
      io, [] { return false; }, 3 * kPatience);
}

struct Build {
  boost::asio::io_context io;
  std::optional<Runner> runner{io};
  std::vector<std::string> lines;
  std::optional<Finished> end;
  int ends = 0;

  void start(const BuildCommand& command) {
    runner->start(
        command, [this](std::string_view line) { lines.emplace_back(line); },
        [this](Finished finished) {
          end = std::move(finished);
          ++ends;
        });
  }
  bool wait() {
    const bool ended = wait_until(io, [this] { return ends > 0; });
    run_ready(io);
    return ended && ends == 1;
  }
  bool wait_for_line(std::string_view line) {
    return wait_until(io, [&] { return !lines.empty() && lines[0] == line; });
  }
  std::string error() const {
    return end && end->error ? end->error->text() : "";
  }
};

RELAUNCH_CHILD_MAIN(build_prints_lines) {
  print("one\ntwo\n\n");
  std::fputs("a warning\n", stderr);
  std::fflush(stderr);
  print("last, without an end");
  return 0;
}

TEST(BuildRunner, PassesOnEachLineOfOutputAndErrors) {
  Build build;
  build.start(command_of("build_prints_lines"));
  EXPECT_THAT(build.lines, IsEmpty());
  ASSERT_TRUE(build.wait());
  EXPECT_EQ(build.error(), "");
  EXPECT_THAT(build.lines, ElementsAre("one", "two", "", "a warning",
                                       "last, without an end"));
  EXPECT_THAT(build.end->tail, testing::StartsWith("one"));
  EXPECT_THAT(build.end->tail, testing::EndsWith("last, without an end"));
}

RELAUNCH_CHILD_MAIN(build_waits_after_a_line) {
  print("begun\n");
  stay();
  return 0;
}

TEST(BuildRunner, PassesOnALineWhileTheBuildGoesOn) {
  Build build;
  build.start(command_of("build_waits_after_a_line"));
  EXPECT_TRUE(build.wait_for_line("begun"));
  EXPECT_EQ(build.ends, 0);
}

RELAUNCH_CHILD_MAIN(build_prints_long_lines) {
  print(std::string(kMaxLineBytes, 'a') + "\n");
  print(std::string(kMaxLineBytes + 3, 'b') + "\n");
  print(std::string(2 * kMaxLineBytes, 'c') + "\n");
  print("short\n");
  return 0;
}

TEST(BuildRunner, PassesOnALongLineInPieces) {
  Build build;
  build.start(command_of("build_prints_long_lines"));
  ASSERT_TRUE(build.wait());
  EXPECT_THAT(build.lines,
              ElementsAre(std::string(kMaxLineBytes, 'a'),
                          std::string(kMaxLineBytes, 'b'), "bbb",
                          std::string(kMaxLineBytes, 'c'),
                          std::string(kMaxLineBytes, 'c'), "short"));
}

// Without line ends, which the C runtime of Windows would make longer.
std::string much_output() {
  std::string bytes;
  for (int i = 0; bytes.size() < 5 * kTailBytes; ++i) {
    bytes += std::to_string(i) + ",";
  }
  return bytes;
}

RELAUNCH_CHILD_MAIN(build_prints_much) {
  print(much_output());
  return 0;
}

TEST(BuildRunner, KeepsExactlyTheLast64KiB) {
  Build build;
  build.start(command_of("build_prints_much"));
  ASSERT_TRUE(build.wait());
  const std::string all = much_output();
  EXPECT_EQ(build.end->tail, all.substr(all.size() - kTailBytes));
  std::string passed;
  for (const auto& line : build.lines) passed += line;
  EXPECT_EQ(passed, all);
}

RELAUNCH_CHILD_MAIN(build_fails) {
  print("error: no\n");
  return 3;
}

TEST(BuildRunner, ReportsTheExitCodeOfAFailedBuild) {
  Build build;
  build.start(command_of("build_fails"));
  ASSERT_TRUE(build.wait());
  EXPECT_EQ(build.error(), "the build failed: exit code 3");
  EXPECT_EQ(build.end->error->code(), errc::build_failed);
  EXPECT_THAT(build.end->tail, HasSubstr("error: no"));
}

TEST(BuildRunner, CanRunAgainAlsoFromItsOwnEnd) {
  Build build;
  int rounds = 0;
  std::function<void(Finished)> again = [&](Finished) {
    if (++rounds == 3) return;
    build.runner->start(command_of("build_fails"), {}, again);
  };
  build.runner->start(command_of("build_fails"), {}, again);
  EXPECT_TRUE(wait_until(build.io, [&] { return rounds == 3; }));
}

TEST(BuildRunner, ASecondBuildIsRefusedAndTheFirstGoesOn) {
  Build build;
  build.start(command_of("build_prints_lines"));
  std::optional<Finished> refused;
  build.runner->start(command_of("build_fails"), {}, [&](Finished finished) {
    refused = std::move(finished);
  });
  EXPECT_FALSE(refused);
  ASSERT_TRUE(build.wait());
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->error->code(), errc::busy);
  EXPECT_EQ(build.error(), "");
}

TEST(BuildRunner, AProgramThatDoesNotExistIsNamed) {
  Build build;
  BuildCommand command;
  command.arguments = {"relaunch-no-such-tool"};
  command.environment = {"PATH=/usr/bin"};
  build.start(command);
  EXPECT_EQ(build.ends, 0) << "called back from inside start()";
  ASSERT_TRUE(build.wait());
  EXPECT_THAT(build.error(), HasSubstr("'relaunch-no-such-tool'"));
  EXPECT_THAT(build.error(), HasSubstr("'/usr/bin'"));

  Build by_path;
  command.arguments = {"./relaunch-no-such-tool"};
  by_path.start(command);
  ASSERT_TRUE(by_path.wait());
  EXPECT_THAT(by_path.error(), HasSubstr("relaunch-no-such-tool"));
}

TEST(BuildRunner, AnEmptyCommandIsRefused) {
  Build build;
  build.start({});
  ASSERT_TRUE(build.wait());
  EXPECT_EQ(build.end->error->code(), errc::invalid_argument);
}

RELAUNCH_CHILD_MAIN(build_job) {
  if (!args.empty()) leave_process_group();
  stay();
  return 0;
}

RELAUNCH_CHILD_MAIN(build_with_jobs) {
  const auto first = os::launch(child_request("build_job")).value();
  const auto second = os::launch(child_request("build_job", {"x"})).value();
  print(text::cat(first.id(), "\n", second.id(), "\n"));
  if (!args.empty()) return 0;
  stay();
  return 0;
}

/// The jobs of a build whose numbers it has printed.
std::vector<os::Process> jobs_of(Build& build) {
  std::vector<os::Process> jobs;
  if (!wait_until(build.io, [&] { return build.lines.size() == 2; })) {
    ADD_FAILURE() << "the build did not tell its jobs";
    return jobs;
  }
  for (const auto& line : build.lines) {
    const auto id = static_cast<os::ProcessId>(std::stoul(line));
    auto job = os::open_process(id);
    if (job) jobs.push_back(std::move(*job));
  }
  return jobs;
}

TEST(BuildRunner, CancelEndsTheWholeTree) {
  Build build;
  build.start(command_of("build_with_jobs"));
  const auto jobs = jobs_of(build);
  EXPECT_THAT(jobs, testing::SizeIs(2));
  build.runner->cancel();
  build.runner->cancel();
  EXPECT_EQ(build.ends, 0);
  ASSERT_TRUE(build.wait());
  EXPECT_EQ(build.end->error->code(), errc::stopped);
  for (const auto& job : jobs) EXPECT_TRUE(wait_for_end(job));
}

TEST(BuildRunner, WhatTheBuildLeftRunningIsEndedAndNotWaitedFor) {
  Build build;
  build.start(command_of("build_with_jobs", {"leave"}));
  ASSERT_TRUE(build.wait());
  EXPECT_EQ(build.error(), "");
  ASSERT_THAT(build.lines, testing::SizeIs(2));
  for (auto& job : jobs_of(build)) EXPECT_TRUE(wait_for_end(job));
}

TEST(BuildRunner, DestroyingItEndsTheTreeWithoutACall) {
  Build build;
  build.start(command_of("build_with_jobs"));
  const auto jobs = jobs_of(build);
  EXPECT_THAT(jobs, testing::SizeIs(2));
  build.runner.reset();
  for (const auto& job : jobs) EXPECT_TRUE(wait_for_end(job));
  run_ready(build.io);
  EXPECT_EQ(build.ends, 0);
}

TEST(BuildRunner, MayBeDestroyedWhileALineIsPassedOn) {
  Build build;
  int lines = 0;
  build.runner->start(
      command_of("build_prints_lines"),
      [&](std::string_view) {
        ++lines;
        build.runner.reset();
      },
      [&](Finished) { ++build.ends; });
  ASSERT_TRUE(wait_until(build.io, [&] { return lines > 0; }));
  run_ready(build.io);
  EXPECT_EQ(lines, 1);
  EXPECT_EQ(build.ends, 0);
}

TEST(BuildRunner, CancelWithoutABuildDoesNothing) {
  Build build;
  build.runner->cancel();
  build.start(command_of("build_prints_lines"));
  ASSERT_TRUE(build.wait());
  build.runner->cancel();
  run_ready(build.io);
  EXPECT_EQ(build.ends, 1);
  EXPECT_EQ(build.error(), "");
}

RELAUNCH_CHILD_MAIN(build_tells_setting) {
  print(os::environment_variable("RELAUNCH_TEST_SETTING").value_or("none"));
  print("\n");
  print(text::utf8(std::filesystem::current_path().filename()) + "\n");
  return 0;
}

TEST(BuildRunner, RunsInItsFolderWithTheLaterOfTwoSettings) {
  const ScratchFolder scratch;
  const auto folder = scratch / "here";
  std::filesystem::create_directory(folder);
  auto command = command_of("build_tells_setting");
  command.folder = folder;
  command.environment.insert(command.environment.begin(),
                             "RELAUNCH_TEST_SETTING=first");
  command.environment.push_back("RELAUNCH_TEST_SETTING=second");
  Build build;
  build.start(command);
  ASSERT_TRUE(build.wait());
  EXPECT_THAT(build.lines, ElementsAre("second", "here"));
}

TEST(BuildRunner, ARelativeProgramIsSeenFromTheFolderOfTheBuild) {
  const ScratchFolder scratch;
  const auto program = os::running_executable().value();
  const auto copy = scratch / "bin" / program.filename();
  std::filesystem::create_directory(copy.parent_path());
  std::filesystem::copy_file(program, copy);
  auto command = command_of("build_prints_lines");
  command.folder = scratch.path();
  command.arguments[0] = "./bin/" + text::utf8(program.filename());
  Build build;
  build.start(command);
  ASSERT_TRUE(build.wait());
  EXPECT_EQ(build.error(), "");
}

TEST(FindProgram, SearchesTheAbsoluteFoldersOfPathInOrder) {
  const ScratchFolder scratch;
  const std::string file = text::cat("tool", os::executable_suffix());
  for (const char* folder : {"a", "b", "c"}) {
    std::filesystem::create_directory(scratch / folder);
  }
  std::filesystem::create_directory(scratch / "a" / file);
  for (const char* folder : {"b", "c"}) {
    std::filesystem::copy_file(os::running_executable().value(),
                               scratch / folder / file);
  }
  // Where there is one, since it may be on another drive.
  std::string path = text::utf8(
      scratch.path().lexically_relative(std::filesystem::current_path()) / "c");
  for (const char* folder : {"", "a", "none", "b", "c"}) {
    path += os::path_list_separator();
    if (*folder != 0) path += text::utf8(scratch / folder);
  }
  const auto found = build::find_program("tool", path);
  ASSERT_TRUE(found) << found.error().text();
  EXPECT_EQ(*found, scratch / "b" / file);
  EXPECT_EQ(build::find_program(file, path).value(), scratch / "b" / file);
}

TEST(FindProgram, ANameWithAFolderIsTakenAsItIs) {
  EXPECT_EQ(build::find_program("./tool", "").value(), "./tool");
  EXPECT_EQ(build::find_program("bin/tool", "/usr/bin").value(), "bin/tool");
}

TEST(FindProgram, AnEmptyPathFindsNothing) {
  EXPECT_FALSE(build::find_program("tool", ""));
}

}  // namespace
}  // namespace relaunch::test
