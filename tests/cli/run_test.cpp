#include <gmock/gmock.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <optional>

#include "cli/run_fixture.hpp"
#include "common/base/text.hpp"
#include "support/event_wait.hpp"
#include "support/scratch_folder.hpp"
#include "support/server_process.hpp"

namespace relaunch::test {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TEST_F(RunCommand, ServesIsUpgradedAndStopsAsItsVerbsSay) {
  start();
  EXPECT_THAT(ask({"status"}).output, HasSubstr("generation      1\n"));
  const auto upgraded = ask({"upgrade", "--force"});
  EXPECT_EQ(upgraded.status.text(), "exit code 0") << upgraded.output;
  EXPECT_THAT(upgraded.output, HasSubstr("\ndone: generation=2 "));
  const auto same = ask({"upgrade"});
  EXPECT_EQ(same.status.text(), "exit code 10") << same.output;
  EXPECT_THAT(ask({"history"}).output, HasSubstr("  done  generation=2"));
  expect_stopped();
  EXPECT_EQ(ask({"status"}).status.text(), "exit code 69");
}

TEST_F(RunCommand, TellsWhoIsInProbationAndTakesItBackOnRequest) {
  start({"--probation", "1h"});
  const ServerProcess events{command(about({"events", "--follow"}))};
  EXPECT_THAT(ask({"status"}).output, Not(HasSubstr("successor")));
  EXPECT_EQ(ask({"upgrade", "--force", "--no-wait"}).status.text(),
            "exit code 0");
  ASSERT_TRUE(events.wait_for_line("phase=probation", kPatience))
      << events.output();
  EXPECT_THAT(ask({"status", "--json"}).output,
              AllOf(HasSubstr("\"generation\":1,"),
                    HasSubstr("\"successor\":{\"generation\":2,\"pid\":")));
  EXPECT_EQ(ask({"abort"}).status.text(), "exit code 0");
  ASSERT_TRUE(events.wait_for_line("upgrade.ended", kPatience))
      << events.output();
  const auto status = ask({"status"}).output;
  EXPECT_THAT(status, Not(HasSubstr("successor")));
  EXPECT_THAT(status, HasSubstr("the upgrade was aborted"));
  EXPECT_EQ(ask({"abort"}).status.text(), "exit code 10");
  expect_stopped();
}

TEST_F(RunCommand, GoesBackToTheReleaseThatRunsOnlyByForce) {
  start();
  const auto status = ask({"status"}).output;
  const auto at = status.find("\nrelease ");
  ASSERT_NE(at, status.npos) << status;
  const auto begin = status.find_first_not_of(' ', at + 9);
  const auto release = status.substr(begin, status.find('\n', begin) - begin);
  const auto same = ask({"rollback", release});
  EXPECT_EQ(same.status.text(), "exit code 10") << same.output;
  EXPECT_THAT(same.output, HasSubstr("release=" + release));
  EXPECT_EQ(ask({"rollback", release, "--force"}).status.text(), "exit code 0");
  EXPECT_THAT(ask({"history"}).output, HasSubstr("  done  generation=2"));
  expect_stopped();
}

TEST_F(RunCommand, TellsWhoServesInItsPidFile) {
  const auto file = folder_ / "server.pid";
  write_file(file, "1\n");  // of an instance that was killed
  start({"--pid-file", text::utf8(file)});
  const auto upgraded = ask({"upgrade", "--force"});
  ASSERT_EQ(upgraded.status.text(), "exit code 0") << upgraded.output;
  ask({"status"});  // answered after the file has been written
  const auto pid = file_content(file);
  EXPECT_THAT(upgraded.output,
              HasSubstr(" pid=" + pid.substr(0, pid.find('\n')) + ' '));
  expect_stopped();
  EXPECT_FALSE(fs::exists(file));
}

TEST_F(RunCommand, WritesNoFileOverWhatIsNotItsOwn) {
  const auto folder = folder_ / "here.prom";
  fs::create_directory(folder);
  const auto notes = folder_ / "notes";
  write_file(notes, "precious\n");
  const auto expect_refused = [&](std::vector<std::string> more) {
    const auto refused = ask(run_words(std::move(more)));
    EXPECT_EQ(refused.status.text(), "exit code 78") << refused.output;
    EXPECT_THAT(refused.output, HasSubstr("relaunch: cannot use "));
  };
  expect_refused({"--pid-file", text::utf8(folder)});
  expect_refused({"--pid-file", text::utf8(notes)});
  expect_refused({"--metrics-file", text::utf8(folder)});
  EXPECT_TRUE(fs::is_directory(folder));
  EXPECT_EQ(file_content(notes), "precious\n");
}

TEST_F(RunCommand, LogsEachTransitionOnceAndTagsWhatGenerationsPrint) {
  const auto log = folder_ / "shop.log";
  const auto metrics = folder_ / "shop.prom";
  server_.emplace(command(
      about(run_words({"--log-file", text::utf8(log), "--log-format", "logfmt",
                       "--metrics-file", text::utf8(metrics)}))));
  ASSERT_TRUE(server_->wait_for_line("[1] ", kPatience)) << server_->output();
  {
    // Until then an upgrade is refused as busy.
    const ServerProcess events{
        command(about({"events", "--follow", "--json"}))};
    ASSERT_TRUE(events.wait_for_line("start.ended", kPatience))
        << events.output();
  }
  ASSERT_EQ(ask({"upgrade", "--force"}).status.text(), "exit code 0");
  ASSERT_TRUE(server_->wait_for_line("[2] ", kPatience)) << server_->output();
  const auto has_line = [&](std::string_view begin, std::string_view end) {
    std::size_t count = 0;
    const std::string text = file_content(log);
    for (auto at = text.find(begin); at != text.npos;
         at = text.find(begin, at + 1)) {
      const auto line = text.substr(at, text.find('\n', at) - at);
      if (line.find(end) != line.npos) ++count;
    }
    return count;
  };
  EXPECT_EQ(has_line("event=start.ended ", "outcome=done"), 1u);
  for (const char* phase : {"stage", "launch", "prepare", "switch", "commit"}) {
    EXPECT_EQ(has_line("event=upgrade.phase ", "phase=" + std::string{phase}),
              1u)
        << phase;
  }
  EXPECT_EQ(has_line("event=generation.committed ", " generation=2 "), 1u);
  EXPECT_EQ(has_line("event=upgrade.ended ", "outcome=done"), 1u);
  EXPECT_EQ(has_line("event=log ", "upgrade"), 0u) << file_content(log);
  const auto printed = ask({"metrics"}).output;
  EXPECT_THAT(printed, HasSubstr("relaunch_upgrades_total{name=\"shop\","
                                 "outcome=\"done\",phase=\"commit\"} 1\n"));
  EXPECT_THAT(printed, HasSubstr("relaunch_generation{name=\"shop\"} 2\n"));
  const auto known = ask({"events", "--json"}).output;
  EXPECT_THAT(known, HasSubstr("\"event\":\"upgrade.ended\""));
  expect_stopped();
  EXPECT_EQ(has_line("event=supervisor.stopped", ""), 1u);
  EXPECT_EQ(has_line("event=generation.exited ", "outcome=drained"), 2u);
  EXPECT_FALSE(fs::exists(metrics));
}

TEST_F(RunCommand, WhenKilledTheNextOneReadsOnWhatItsGenerationPrints) {
  start();
  const auto killed = server_->processes().front();
  server_->kill(killed);
  ASSERT_TRUE(server_->wait_gone(killed, kPatience));
  ServerProcess next{command(about(run_words()))};
  ASSERT_TRUE(next.wait_for_line("generation.adopted: ", kPatience))
      << next.output();
  // It says that it drains.
  ASSERT_EQ(ask({"upgrade", "--force"}).status.text(), "exit code 0");
  EXPECT_TRUE(next.wait_for_line("[1] ", kPatience)) << next.output();
  EXPECT_EQ(ask({"stop"}).status.text(), "exit code 0");
  EXPECT_TRUE(next.wait_gone(next.processes().front(), kPatience))
      << next.output();
  EXPECT_THAT(server_->living(), testing::IsEmpty());
  EXPECT_THAT(next.living(), testing::IsEmpty());
}

TEST_F(RunCommand, IsRefusedWhereTheNameIsTaken) {
  start();
  const auto second = ask(run_words());
  EXPECT_EQ(second.status.text(), "exit code 75") << second.output;
  EXPECT_THAT(second.output, StartsWith("relaunch: cannot run 'shop': it runs "
                                        "already"));
  EXPECT_EQ(ask({"status"}).status.text(), "exit code 0");
  expect_stopped();
}

TEST_F(RunCommand, IsRefusedWhereAnAddressIsTaken) {
  boost::asio::io_context io;
  const boost::asio::ip::tcp::acceptor taken{
      io, {boost::asio::ip::address_v4::loopback(), 0}, false};
  const auto port = std::to_string(taken.local_endpoint().port());
  const auto refused =
      ask(run_words({"--listen", "b=tcp://127.0.0.1:" + port}));
  EXPECT_EQ(refused.status.text(), "exit code 69") << refused.output;
  EXPECT_THAT(refused.output, StartsWith("relaunch: cannot listen on tcp://"));
}

TEST_F(RunCommand, IsRefusedWithoutAProgram) {
  const auto no_program = ask({"run", "--", "./nonesuch"});
  EXPECT_EQ(no_program.status.text(), "exit code 65") << no_program.output;
  EXPECT_THAT(no_program.output, HasSubstr("nonesuch"));
  fs::remove(artifact_);
  const auto no_artifact = ask(run_words());
  EXPECT_EQ(no_artifact.status.text(), "exit code 65") << no_artifact.output;
}

TEST_F(RunCommand, IsRefusedWithPathsThatDoNotFitItsOptions) {
  const auto expect_refused = [&](const std::vector<std::string>& words,
                                  const char* line) {
    const auto refused = ask(words);
    EXPECT_EQ(refused.status.text(), "exit code 78") << refused.output;
    EXPECT_THAT(refused.output, StartsWith(line));
    EXPECT_EQ(std::count(refused.output.begin(), refused.output.end(), '\n'),
              1);
  };
  expect_refused(run_words({"--folder", text::utf8(folder_ / "none")}),
                 "relaunch: cannot use --folder ");
  expect_refused(run_words({"--executable", "hello"}),
                 "relaunch: cannot use --executable: ");
  fs::remove(artifact_);
  fs::create_directory(artifact_);
  expect_refused(run_words(), "relaunch: cannot use --artifact ");
  EXPECT_FALSE(fs::exists(folder_ / "state"));
}

TEST_F(RunCommand, IsRefusedWithAStateFolderThatIsNone) {
  write_file(folder_ / "state", "a file");
  const auto refused = ask(run_words());
  EXPECT_TRUE(refused.in_time);
  EXPECT_FALSE(refused.status.success());
  EXPECT_THAT(refused.output, StartsWith("relaunch: "));
  EXPECT_EQ(file_content(folder_ / "state"), "a file");
}

}  // namespace
}  // namespace relaunch::test
