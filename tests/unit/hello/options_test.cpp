#include "options.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "failure.hpp"

namespace hello {
namespace {

using namespace std::chrono_literals;

CommandLine read(std::vector<std::string> words) {
  words.insert(words.begin(), "hello");
  std::vector<char*> pointers;
  for (auto& word : words) pointers.push_back(word.data());
  return read_command_line(static_cast<int>(pointers.size()), pointers.data());
}

int exit_code(const std::vector<std::string>& words) {
  try {
    read(words);
  } catch (const Failure& failure) {
    EXPECT_EQ(std::string(failure.what()).find('\n'), std::string::npos);
    return static_cast<int>(failure.code());
  }
  return 0;
}

TEST(HelloOptions, TheBuildCommandMayFollowTwoDashes) {
  const auto line =
      read({"--artifact", "build/hello", "--", "cmake", "--build", "build"});
  EXPECT_EQ(line.options.build_command,
            (std::vector<std::string>{"cmake", "--build", "build"}));
  EXPECT_EQ(line.options.artifact, "build/hello");
}

TEST(HelloOptions, TheBuildCommandMayBeGivenWordByWord) {
  const auto line = read({"--build-command=cmake", "--build-command=--build",
                          "--build-command", "build"});
  EXPECT_EQ(line.options.build_command,
            (std::vector<std::string>{"cmake", "--build", "build"}));
}

TEST(HelloOptions, ADurationHasAUnitOrItsOptionsOwn) {
  const auto line = read({"--drain", "5", "--probation", "250", "--ready",
                          "1500ms", "--build-deadline", "2m"});
  EXPECT_EQ(line.options.deadlines.drain, 5s);
  EXPECT_EQ(line.options.deadlines.probation, 250ms);
  EXPECT_EQ(line.options.deadlines.ready, 1500ms);
  EXPECT_EQ(line.options.deadlines.build, 2min);
}

TEST(HelloOptions, ADurationThatIsNoneIsAUsageError) {
  for (const char* text : {"", "0", "-1", "5x", "1.5", "s", "25h", "86401",
                           "99999999999999999999", " 5"}) {
    EXPECT_EQ(exit_code({"--drain", text}), 64) << text;
  }
}

TEST(HelloOptions, WhatIsMistypedIsAUsageError) {
  EXPECT_EQ(exit_code({"--lisen", "tcp://127.0.0.1:0"}), 64);
  EXPECT_EQ(exit_code({"--lis", "tcp://127.0.0.1:0"}), 64);
  EXPECT_EQ(exit_code({"--listen"}), 64);
  EXPECT_EQ(exit_code({"--log-level", "loud"}), 64);
}

TEST(HelloOptions, ATokenFileThatIsNotThereIsAnError) {
  EXPECT_EQ(exit_code({"--token-file", "no/such/file"}), 74);
}

TEST(HelloOptions, HelpAndVersionAskForNoServer) {
  EXPECT_NE(read({"--help"}).text->find("--listen"), std::string::npos);
  EXPECT_EQ(read({"--version"}).text->substr(0, 6), "hello ");
}

}  // namespace
}  // namespace hello
