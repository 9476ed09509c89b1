// A program that knows nothing of relaunch, through its whole life.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/text.hpp"
#include "common/os/process.hpp"
#include "foreign/supervised_program.hpp"
#include "support/raw_stream.hpp"
#include "support/scratch_folder.hpp"

namespace relaunch::test {
namespace {

using std::chrono::milliseconds;
using supervisor::Options;
using supervisor::Readiness;
using testing::HasSubstr;

Options plain(std::vector<std::string> words = {}) {
  return foreign_options("plain_server", std::move(words));
}

/// The words of another release of it.
std::vector<std::string> words(const Options& options,
                               std::vector<std::string> more) {
  std::vector<std::string> all{options.program[0], options.program[1]};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

TEST(PlainServer, UpgradesUnderLoadLoseNoRequest) {
  SupervisedProgram program{plain()};
  ASSERT_TRUE(program.wait_for_generation(1)) << program.log();
  LoadClient load{program.load()};
  for (std::uint32_t generation = 2; generation <= 6; ++generation) {
    ASSERT_TRUE(load.wait_for_answers(10, kStep));
    const Outcome outcome = program.upgrade();
    ASSERT_EQ(to_string(outcome.result), "done") << outcome.reason;
    EXPECT_EQ(outcome.serving_generation, generation);
  }
  ASSERT_TRUE(load.wait_for_answers(10, kStep));
  const LoadReport report = load.stop();
  EXPECT_EQ(report.failed(), 0U) << report.text() << program.log();
  EXPECT_EQ(report.generations.size(), 6U);
}

TEST(PlainServer, ListenerAtAPathIsHeldThroughUpgradesAndGoneAfterTheStop) {
  const ScratchFolder folder;
  const auto path = folder / "app.sock";
  const auto address = Address::parse(text::cat("unix://", path)).value();
  Options options = plain();
  options.listeners = {{"local", address.text()}};
  SupervisedProgram program{options};
  ASSERT_TRUE(program.wait_for_generation(1)) << program.log();
  for (std::uint32_t generation = 2; generation <= 3; ++generation) {
    // Waits in the queue until somebody accepts.
    const auto client = connect_raw(address);
    const Outcome outcome = program.upgrade();
    ASSERT_EQ(to_string(outcome.result), "done") << outcome.reason;
    send_raw(client.get(), "GET / HTTP/1.1\r\n\r\n");
    EXPECT_THAT(receive_raw(client.get(), 1'000), HasSubstr("hello"));
  }
  EXPECT_TRUE(program.stop(supervisor::StopMode::drain)) << program.log();
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(PlainServer, ARefusedUpgradeLeavesItsRestartStanding) {
  const ScratchFolder folder;
  Options options = plain();
  const auto file = folder / "program";
  std::filesystem::copy_file(options.program[0], file);
  options.program[0] = text::utf8(file);
  options.restart.delay = milliseconds{1'000};
  SupervisedProgram program{options};
  ASSERT_TRUE(program.wait_for_generation(1)) << program.log();
  std::filesystem::rename(file, folder / "away");
  const auto process = os::open_process(program.status().pid);
  ASSERT_TRUE(process);
  ASSERT_TRUE(process->kill());
  EXPECT_NE(program.wait_for_line("restart in "), "") << program.log();
  EXPECT_EQ(program.upgrade().code, make_error_code(errc::artifact_missing));
  std::filesystem::rename(folder / "away", file);
  EXPECT_TRUE(program.wait_for_generation(2)) << program.log();
}

TEST(PlainServer, SuccessorThatIsNeverReadyLosesNoRequest) {
  Options options = plain();
  options.deadlines.ready = milliseconds{300};
  SupervisedProgram program{options};
  ASSERT_TRUE(program.wait_for_generation(1)) << program.log();
  LoadClient load{program.load()};
  // It accepts all the same, until it is told to stop.
  const Outcome outcome = program.upgrade_to(words(options, {"never_ready"}));
  EXPECT_EQ(to_string(outcome.result), "failed");
  EXPECT_EQ(outcome.code, make_error_code(errc::ready_timeout));
  ASSERT_TRUE(load.wait_for_answers(10, kStep));
  const LoadReport report = load.stop();
  EXPECT_EQ(report.failed(), 0U) << report.text() << program.log();
  EXPECT_EQ(program.status().generation, 1U);
}

TEST(PlainServer, SuccessorThatEndsSaysWhy) {
  const Options options = plain();
  SupervisedProgram program{options};
  ASSERT_TRUE(program.wait_for_generation(1)) << program.log();
  const Outcome outcome = program.upgrade_to(words(options, {"fails"}));
  EXPECT_EQ(to_string(outcome.result), "failed");
  EXPECT_THAT(outcome.reason,
              HasSubstr("exit code 3, it said: No such file or directory, "
                        "status: cannot read its configuration"));
  EXPECT_EQ(program.get(), "hello\n");
}

TEST(PlainServer, IsReadyWhenItsPrivateListenerAnswers) {
  Options options = plain();
  options.foreign.readiness = Readiness::http;
  options.foreign.readiness_target = {"/health"};
  options.deadlines.ready = milliseconds{2000};
  SupervisedProgram program{options};
  ASSERT_TRUE(program.wait_for_generation(1)) << program.log();
  EXPECT_EQ(program.upgrade().reason, "");
  const Outcome outcome = program.upgrade_to(words(options, {"sick"}));
  EXPECT_EQ(outcome.code, make_error_code(errc::ready_timeout));
  EXPECT_THAT(program.log(), HasSubstr("/health: it answered 503"));
  EXPECT_EQ(program.get(), "hello\n");
}

TEST(PlainServer, IsReadyWhenThePortThatItWasToldIsOpen) {
  Options options = plain({"opens_port"});
  options.foreign.readiness = Readiness::tcp;
  options.deadlines.ready = milliseconds{2000};
  SupervisedProgram program{options};
  ASSERT_TRUE(program.wait_for_generation(1)) << program.log();
  EXPECT_EQ(program.upgrade().reason, "");
  EXPECT_EQ(program.upgrade_to(words(options, {})).code,
            make_error_code(errc::ready_timeout));
}

TEST(PlainServer, IsReadyWhenACommandSaysSo) {
  Options options = plain({"opens_port"});
  options.foreign.readiness = Readiness::command;
  options.foreign.probe_variable = "RELAUNCH_PROBE_PORT";
  options.foreign.readiness_target = {
      "sh", "-c", "exec 3<>/dev/null; test -n \"$RELAUNCH_PROBE_PORT\""};
  SupervisedProgram program{options};
  ASSERT_TRUE(program.wait_for_generation(1)) << program.log();
  EXPECT_EQ(program.upgrade().reason, "");
}

TEST(PlainServer, NeedsToSayNothingWhereNothingIsAskedFor) {
  Options options = plain();
  options.foreign.readiness = Readiness::none;
  SupervisedProgram program{options};
  ASSERT_TRUE(program.wait_for_generation(1)) << program.log();
  EXPECT_EQ(program.upgrade().reason, "");
  EXPECT_EQ(program.get(), "hello\n");
}

TEST(PlainServer, HealthGatesTheSwitch) {
  Options options = plain();
  options.foreign.health = Readiness::http;
  options.foreign.health_target = {"/health"};
  SupervisedProgram program{options};
  ASSERT_TRUE(program.wait_for_generation(1)) << program.log();
  LoadClient load{program.load()};
  const Outcome outcome = program.upgrade_to(words(options, {"sick"}));
  EXPECT_EQ(to_string(outcome.result), "failed");
  EXPECT_EQ(outcome.code, make_error_code(errc::unhealthy));
  EXPECT_EQ(load.stop().failed(), 0U);
}

TEST(PlainServer, HealthGatesProbation) {
  Options options = plain();
  options.foreign.health = Readiness::http;
  options.foreign.health_target = {"/health"};
  options.deadlines.probation = milliseconds{5000};
  SupervisedProgram program{options};
  ASSERT_TRUE(program.wait_for_generation(1)) << program.log();
  LoadClient load{program.load()};
  const Outcome outcome = program.upgrade_to(words(options, {"sick_soon"}));
  EXPECT_EQ(to_string(outcome.result), "rolled back") << outcome.reason;
  EXPECT_EQ(outcome.code, make_error_code(errc::unhealthy));
  ASSERT_TRUE(load.wait_for_answers(10, kStep));
  const LoadReport report = load.stop();
  EXPECT_EQ(report.failed(), 0U) << report.text() << program.log();
  EXPECT_EQ(program.status().generation, 1U);
}

TEST(PlainServer, StopWaitsForASuccessorThatWasTakenBack) {
  Options options = plain();
  options.foreign.health = Readiness::http;
  options.foreign.health_target = {"/health"};
  options.deadlines.probation = milliseconds{5000};
  options.deadlines.grace = milliseconds{200};
  SupervisedProgram program{options};
  ASSERT_TRUE(program.wait_for_generation(1)) << program.log();
  const Outcome outcome =
      program.upgrade_to(words(options, {"sick_soon", "ignores_stop"}));
  EXPECT_EQ(to_string(outcome.result), "rolled back") << outcome.reason;
  EXPECT_TRUE(program.stop(supervisor::StopMode::now)) << program.log();
}

TEST(PlainServer, WatchdogThatFallsSilentIsACrash) {
  const Options quiet = [] {
    Options options = plain();
    options.foreign.watchdog = milliseconds{400};
    return options;
  }();
  SupervisedProgram program{quiet};
  ASSERT_TRUE(program.wait_for_generation(1)) << program.log();
  EXPECT_EQ(program.upgrade().reason, "") << "it does ping";
  Options options = quiet;
  options.program.push_back("no_ping");
  SupervisedProgram silent{options};
  EXPECT_NE(silent.wait_for_line("no WATCHDOG=1 in 400 ms"), "")
      << silent.log();
  EXPECT_NE(silent.wait_for_line("restart in "), "") << silent.log();
}

TEST(PlainServer, SilentWatchdogOfASuccessorTakesTheTurnBack) {
  Options options = plain();
  options.foreign.watchdog = milliseconds{400};
  options.deadlines.probation = milliseconds{5000};
  SupervisedProgram program{options};
  ASSERT_TRUE(program.wait_for_generation(1)) << program.log();
  const Outcome outcome = program.upgrade_to(words(options, {"no_ping"}));
  EXPECT_EQ(to_string(outcome.result), "rolled back");
  EXPECT_THAT(outcome.reason, HasSubstr("no WATCHDOG=1 in 400 ms"));
}

TEST(PlainServer, ServesAgainAfterACrash) {
  SupervisedProgram program{plain()};
  ASSERT_TRUE(program.wait_for_generation(1)) << program.log();
  const auto pid = program.status().pid;
  ASSERT_TRUE(os::open_process(pid).value().kill());
  // It waits in the listener's queue meanwhile.
  EXPECT_EQ(program.get(), "hello\n") << program.log();
  EXPECT_NE(program.status().pid, pid);
}

TEST(PlainServer, ListenerThatAnOldGenerationShutDownListensAgain) {
  Options options = plain({"shuts_down"});
  SupervisedProgram program{options};
  ASSERT_TRUE(program.wait_for_generation(1)) << program.log();
  EXPECT_EQ(program.upgrade().reason, "");
  EXPECT_NE(program.wait_for_line("listening again: listener=http address="
                                  "tcp://127.0.0.1:"),
            "")
      << program.log();
  EXPECT_EQ(program.get(), "hello\n");
  EXPECT_THAT(program.log(), HasSubstr("has shut down listener 'http'"));
}

TEST(PlainServer, IsStoppedByItsOwnSignal) {
  Options options = plain({"stops_by_usr1"});
  options.foreign.stop_signal = "USR1";
  SupervisedProgram program{options};
  ASSERT_TRUE(program.wait_for_generation(1)) << program.log();
  EXPECT_TRUE(program.stop(supervisor::StopMode::drain));
  // What it says when it is told by its signal; another one would end it.
  EXPECT_THAT(program.log(), HasSubstr("generation is stopping"));
}

TEST(PlainServer, IsKilledWhenItDoesNotStopInTime) {
  Options options = plain({"ignores_stop"});
  options.deadlines.drain = milliseconds{200};
  options.deadlines.grace = milliseconds{200};
  SupervisedProgram program{options};
  ASSERT_TRUE(program.wait_for_generation(1)) << program.log();
  auto process = os::open_process(program.status().pid).value();
  EXPECT_TRUE(program.stop(supervisor::StopMode::drain)) << program.log();
  EXPECT_TRUE(process.gone());
}

}  // namespace
}  // namespace relaunch::test
