#include "cli/run_options.hpp"

#include <gmock/gmock.h>

#include "cli/explain.hpp"
#include "unit/cli/reading.hpp"

namespace relaunch::cli {
namespace {

using std::chrono::milliseconds;
using test::end_of;
using test::options_of;
using test::read;
using test::root;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

TEST(RunOptions, AreTheLibrarysDefaultsIfNothingIsSaid) {
  const auto made = options_of({{"run", "--", "./server.exe"}});
  ASSERT_EQ(end_of(made), "fine");
  const supervisor::Options plain;
  EXPECT_EQ(made->name, "server");
  EXPECT_EQ(made->state_folder, root() / "state" / "server");
  EXPECT_EQ(made->run_folder, root() / "run" / "server");
  EXPECT_EQ(made->folder, root() / "work");
  EXPECT_TRUE(made->artifact.empty());
  EXPECT_EQ(made->deadlines.build, plain.deadlines.build);
  EXPECT_EQ(made->deadlines.stage, plain.deadlines.stage);
  EXPECT_EQ(made->deadlines.hello, plain.deadlines.hello);
  EXPECT_EQ(made->deadlines.ready, plain.deadlines.ready);
  EXPECT_EQ(made->deadlines.ready_cap, plain.deadlines.ready_cap);
  EXPECT_EQ(made->deadlines.pause, plain.deadlines.pause);
  EXPECT_EQ(made->deadlines.turn, plain.deadlines.turn);
  EXPECT_EQ(made->deadlines.probation, plain.deadlines.probation);
  EXPECT_EQ(made->deadlines.health_interval, plain.deadlines.health_interval);
  EXPECT_EQ(made->deadlines.health, plain.deadlines.health);
  EXPECT_EQ(made->deadlines.drain, plain.deadlines.drain);
  EXPECT_EQ(made->deadlines.grace, plain.deadlines.grace);
  EXPECT_EQ(made->max_draining, plain.max_draining);
  EXPECT_EQ(made->keep_releases, plain.keep_releases);
  EXPECT_EQ(made->restart.delay, plain.restart.delay);
  EXPECT_EQ(made->restart.delay_max, plain.restart.delay_max);
  EXPECT_EQ(made->restart.crash_limit, plain.restart.crash_limit);
  EXPECT_EQ(made->restart.crash_window, plain.restart.crash_window);
  EXPECT_EQ(made->restart.stable, plain.restart.stable);
  EXPECT_EQ(made->foreign.readiness, plain.foreign.readiness);
  EXPECT_EQ(made->foreign.health, plain.foreign.health);
  EXPECT_EQ(made->foreign.stop_signal, plain.foreign.stop_signal);
  EXPECT_EQ(made->output, plain.output);
  EXPECT_EQ(made->log_format, plain.log_format);
}

TEST(RunOptions, HoldAllThatWasSaid) {
  const auto made = options_of({{"run",
                                 "--name",
                                 "shop",
                                 "--listen",
                                 "http=tcp://127.0.0.1:0",
                                 "--build",
                                 "cmake --build 'my build'",
                                 "--artifact",
                                 "build/bin",
                                 "--executable",
                                 "server",
                                 "--env",
                                 "A=b c",
                                 "--readiness",
                                 "http:/ready",
                                 "--health",
                                 "command:check it",
                                 "--stop-signal",
                                 "QUIT",
                                 "--output",
                                 "inherit",
                                 "--log-format",
                                 "json",
                                 "--pid-file",
                                 "shop.pid",
                                 "--grace",
                                 "9s"}});
  ASSERT_EQ(end_of(made), "fine");
  EXPECT_EQ(made->name, "shop");
  ASSERT_EQ(made->listeners.size(), 1U);
  EXPECT_EQ(made->listeners[0].name, "http");
  EXPECT_THAT(made->build.arguments,
              ElementsAre("cmake", "--build", "my build"));
  EXPECT_EQ(made->build.folder, root() / "work");
  EXPECT_EQ(made->artifact, root() / "work" / "build" / "bin");
  EXPECT_EQ(made->executable, "server");
  EXPECT_EQ(made->program.size(), 1U);
  EXPECT_THAT(made->environment, ElementsAre("A=b c"));
  EXPECT_EQ(made->foreign.readiness, supervisor::Readiness::http);
  EXPECT_THAT(made->foreign.readiness_target, ElementsAre("/ready"));
  EXPECT_THAT(made->foreign.health_target, ElementsAre("check", "it"));
  EXPECT_EQ(made->foreign.stop_signal, "QUIT");
  EXPECT_EQ(made->output, supervisor::Output::inherit);
  EXPECT_EQ(made->log_format, supervisor::LogFormat::json);
  EXPECT_EQ(made->pid_file, root() / "work" / "shop.pid");
  EXPECT_EQ(made->deadlines.grace, milliseconds{9'000});
}

TEST(RunOptions, TakeAFilesPathsFromItsOwnFolder) {
  const auto made = options_of(
      {{"run"}, {}, "program = ./server -v\npid-file = server.pid\n"});
  ASSERT_EQ(end_of(made), "fine");
  EXPECT_EQ(made->pid_file, root() / "work" / "etc" / "server.pid");
  EXPECT_THAT(made->program, ElementsAre("./server", "-v"));
}

TEST(RunOptions, WithoutAStageDropWhatALowerSourceSays) {
  const std::string file = "artifact = server\nbuild = make\n";
  const auto made = options_of({{"run", "--no-stage", "--", "./s"}, {}, file});
  ASSERT_EQ(end_of(made), "fine");
  EXPECT_TRUE(made->artifact.empty());
  EXPECT_TRUE(made->build.arguments.empty());
}

struct Contradiction {
  std::vector<std::string> words;
  std::string line;
};

TEST(RunOptions, ThatContradictEachOtherAreRefusedInOneLine) {
  const Contradiction table[] = {
      {{"--no-stage", "--artifact", "x"},
       "78: cannot use --no-stage with --artifact"},
      {{"--build", "make"}, "78: cannot use --build without --artifact"},
      {{"--executable", "x"}, "78: cannot use --executable without --artifact"},
      {{"--build-folder", "x"}, "78: cannot use --build-folder without"},
      {{"--ready-cap", "1s"}, "78: cannot use --ready-cap: it is shorter"},
      {{"--restart-delay", "1m"}, "78: cannot use --restart-delay-max: "},
      {{"--listen", "a=tcp://127.0.0.1:1", "--listen", "a=tcp://127.0.0.1:2"},
       "78: cannot use --listen: the name 'a' is given twice"},
      {{"--listen", "a=tcp://127.0.0.1:1", "--listen", "b=tcp://127.0.0.1:1"},
       "78: cannot use --listen: two listeners have the address"},
      {{"--listen", "a=unix:///run/a:0", "--listen", "b=unix:///run/a:0"},
       "78: cannot use --listen: two listeners have the address"},
      {{"--env", "LISTEN_FDS=1"}, "78: cannot use --env 'LISTEN_FDS': "},
      {{"--env", " =x"}, "64: cannot use --env ' ': a variable is"},
      {{"--watchdog", "5s"}, "78: cannot use --watchdog without a --readiness"},
      {{"--stop-signal", "INT"}, "78: cannot use --stop-signal without"},
      {{"--readiness", "none", "--probe-variable", "PORT"},
       "78: cannot use --probe-variable without a probe"},
      {{"--metrics-file", "shop.txt"}, "78: cannot use --metrics-file "},
  };
  for (const auto& [words, line] : table) {
    std::vector<std::string> all = {"run"};
    all.insert(all.end(), words.begin(), words.end());
    all.insert(all.end(), {"--", "./server"});
    const auto end = end_of(options_of({all}));
    EXPECT_THAT(end, StartsWith(line));
    EXPECT_EQ(end.find('\n'), end.npos);
  }
}

TEST(RunOptions, NeedAProgramAndAName) {
  EXPECT_THAT(end_of(options_of({{"run"}})),
              StartsWith("64: cannot run anything: no program is named"));
  EXPECT_THAT(end_of(options_of({{"run", "--", "./a b"}})),
              StartsWith("78: cannot use the program's name 'a b'"));
}

TEST(InstanceName, IsAskedForWhereNoProgramTellsIt) {
  const auto settings = read({{"status"}});
  ASSERT_TRUE(settings);
  EXPECT_THAT(end_of(instance_of(*settings, test::places())),
              StartsWith("64: cannot tell which instance"));
}

TEST(InstanceName, MayComeFromTheEnvironment) {
  const auto settings = read({{"status"}, {"RELAUNCH_NAME=shop"}});
  ASSERT_TRUE(settings);
  const auto instance = instance_of(*settings, test::places());
  ASSERT_EQ(end_of(instance), "fine");
  EXPECT_EQ(instance->run_folder, root() / "run" / "shop");
}

TEST(Instance, WithoutAPlaceForSessionsRunsInItsStateFolder) {
  const auto settings = read({{"status", "--name", "shop"}});
  ASSERT_TRUE(settings);
  auto places = test::places();
  places.run.reset();
  const auto instance = instance_of(*settings, places);
  ASSERT_EQ(end_of(instance), "fine");
  EXPECT_EQ(instance->run_folder, root() / "state" / "shop" / "run");
}

TEST(CheckConfig, TellsEachValueAndWhereItCameFrom) {
  const std::vector<std::string> words = {
      "check-config", "--env", "TOKEN=hush", "--", "./server", "a b"};
  const std::vector<std::string> variables = {"RELAUNCH_GRACE=1s"};
  const auto settings = read({words, variables, "drain-deadline = 4s\n"});
  ASSERT_EQ(end_of(settings), "fine");
  const auto made = run_options(*settings, test::places());
  ASSERT_EQ(end_of(made), "fine");
  const std::string text = explain(*settings, *made);
  EXPECT_THAT(text,
              testing::ContainsRegex("program +=.*server \"a b\" .*comma"));
  EXPECT_THAT(text, testing::ContainsRegex("grace += 1s .*RELAUNCH_GRACE"));
  EXPECT_THAT(text, testing::ContainsRegex("drain-deadline += 4s .*ini:1"));
  EXPECT_THAT(text, testing::ContainsRegex("probation += 3s .*default"));
  EXPECT_THAT(text, testing::ContainsRegex("env += TOKEN="));
  EXPECT_THAT(text, testing::Not(HasSubstr("hush")));
  for (const OptionInfo& option : options()) {
    if (option.lasting && option.is_for(Verb::run)) {
      EXPECT_THAT(text, HasSubstr(option.name));
    }
  }
}

TEST(CheckConfig, ShowsNoArtifactThatIsNotUsed) {
  const auto settings = read({{"check-config", "--no-stage", "--", "./server"},
                              {},
                              "artifact = some/file\n"});
  ASSERT_EQ(end_of(settings), "fine");
  const auto made = run_options(*settings, test::places());
  ASSERT_EQ(end_of(made), "fine");
  const std::string text = explain(*settings, *made);
  EXPECT_THAT(text, testing::ContainsRegex("artifact += .*but no-stage"));
  EXPECT_THAT(text, testing::Not(HasSubstr("some")));
}

TEST(Help, OfEachVerbNamesItsOptionsInEightyColumns) {
  for (const VerbInfo& verb : verbs()) {
    std::string text = help(verb.verb);
    for (const OptionInfo& option : options()) {
      if (!option.is_for(verb.verb)) continue;
      EXPECT_THAT(text, HasSubstr("--" + std::string{option.name}));
    }
    text += general_help();
    for (std::size_t begin = 0; begin < text.size();) {
      const auto end = text.find('\n', begin);
      EXPECT_LE(end - begin, 80U) << text.substr(begin, end - begin);
      begin = end + 1;
    }
  }
}

}  // namespace
}  // namespace relaunch::cli
