// The supervisor of a program that knows nothing of relaunch is replaced: the
// listeners cross by themselves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <filesystem>
#include <future>
#include <optional>

#include "cli/command.hpp"
#include "common/base/text.hpp"
#include "foreign/supervised_program.hpp"
#include "support/event_wait.hpp"
#include "support/load_client.hpp"
#include "support/scratch_folder.hpp"
#include "support/server_process.hpp"

namespace relaunch::test {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

class ForeignSelfUpgrade : public testing::Test, protected NamedInstance {
 protected:
  ForeignSelfUpgrade() : NamedInstance("plain") { install(); }

  /// Another file in the place of the command's.
  void install() {
    const fs::path fresh = folder_ / "fresh";
    fs::copy_file(RELAUNCH_COMMAND, fresh);
    fs::rename(fresh, command_);
  }
  /// A build that does this when it is to take the place, after its check.
  void install_script(std::string_view in_the_check, std::string_view after) {
    const fs::path fresh = folder_ / "fresh";
    write_file(fresh, text::cat("#!/bin/sh\n"
                                "case \" $* \" in\n"
                                "*' --check-takeover '*) ",
                                in_the_check, " ;;\nesac\n", after, '\n'));
    fs::permissions(fresh, fs::perms::owner_all);
    fs::rename(fresh, command_);
  }
  json::object status() const {
    const auto answer = ask({"status", "--json"});
    return json::parse(answer.output).as_object();
  }
  std::int64_t number(const char* key) const {
    return status().at(key).as_int64();
  }

  void start(std::vector<std::string> options) {
    std::vector<std::string> words{"run", "--probation", "200ms"};
    words.insert(words.end(), options.begin(), options.end());
    words.insert(words.end(), {"--readiness", "notify", "--"});
    const auto program = foreign_options("plain_server").program;
    words.insert(words.end(), program.begin(), program.end());
    request_ = command(about(std::move(words)));
    request_.executable = command_;
    server_.emplace(request_);
    ASSERT_TRUE(server_->wait_for_line("start.ended: ", kPatience))
        << server_->output();
  }
  LoadPlan load() const {
    const auto address =
        std::string{status().at("listeners").at(0).at("address").as_string()};
    LoadPlan plan;
    plan.port = static_cast<std::uint16_t>(
        std::stoi(address.substr(address.rfind(':') + 1)));
    plan.per_second = 40;
    return plan;
  }
  void expect_done(std::vector<std::string> words) {
    const auto ended = ask(std::move(words));
    EXPECT_EQ(ended.status.text(), "exit code 0")
        << ended.output << server_->output();
  }
  /// Which file this process runs.
  fs::path running() const {
    return fs::read_symlink(
        text::cat("/proc/", number("supervisor_pid"), "/exe"));
  }
  void TearDown() override {
    if (!server_) return;
    expect_done({"stop"});
    EXPECT_TRUE(server_->wait_gone(server_->processes().front(), kPatience));
    EXPECT_THAT(server_->living(), testing::IsEmpty());
  }

  fs::path command_ = folder_ / "relaunch";
  os::LaunchRequest request_;
  std::optional<ServerProcess> server_;
};

TEST_F(ForeignSelfUpgrade, LosesNoRequestAndTheNextUpgradeWorks) {
  start({"--listen", "http=tcp://127.0.0.1:0"});
  const auto supervisor = number("supervisor_pid");
  auto generation = number("pid");
  LoadClient client{load()};
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(client.wait_for_answers(5, kPatience));
    install();
    EXPECT_NE(running(), command_) << "another file is there";
    expect_done({"upgrade", "--supervisor"});
    EXPECT_EQ(running(), command_);
    EXPECT_EQ(number("supervisor_pid"), supervisor);
    EXPECT_EQ(number("pid"), generation);
    expect_done({"upgrade"});
    EXPECT_NE(std::exchange(generation, number("pid")), generation);
  }
  ASSERT_TRUE(client.wait_for_answers(5, kPatience));
  const LoadReport report = client.stop();
  EXPECT_EQ(report.failed(), 0u) << report.text() << server_->output();
}

TEST_F(ForeignSelfUpgrade, WhatTheProgramSaysIsAnEvent) {
  start({"--listen", "http=tcp://127.0.0.1:0"});
  expect_done({"upgrade"});
  const auto events = ask({"events", "--json"});
  EXPECT_THAT(events.output, testing::ContainsRegex(
                                 "\"generation.status\".*\"generation\":1,.*"
                                 "\"message\":\"serving\""));
  EXPECT_THAT(events.output, testing::ContainsRegex(
                                 "\"generation.status\".*\"generation\":2,"));
}

TEST_F(ForeignSelfUpgrade, ItsListenersStayWhenTheProgramEnds) {
  start({"--listen", "http=tcp://127.0.0.1:0"});
  expect_done({"upgrade", "--supervisor"});
  const LoadPlan plan = load();
  const auto before = number("pid");
  server_->kill(static_cast<os::ProcessId>(before));
  LoadClient client{plan};
  EXPECT_TRUE(client.wait_for_answers(5, kPatience)) << server_->output();
  EXPECT_EQ(client.stop().failed(), 0u) << server_->output();
  EXPECT_NE(number("pid"), before);
}

TEST_F(ForeignSelfUpgrade, AnotherFileTakesThePlaceAtAnotherPath) {
  start({"--listen", "http=tcp://127.0.0.1:0"});
  const auto supervisor = number("supervisor_pid");
  const fs::path other = folder_ / "other";
  fs::copy_file(RELAUNCH_COMMAND, other);
  LoadClient client{load()};
  install_script("", text::cat("exec '", text::utf8(other), "' \"$@\""));
  expect_done({"upgrade", "--supervisor"});
  EXPECT_EQ(running(), other);
  EXPECT_EQ(number("supervisor_pid"), supervisor);
  expect_done({"upgrade"});
  ASSERT_TRUE(client.wait_for_answers(5, kPatience));
  EXPECT_EQ(client.stop().failed(), 0u) << server_->output();
}

TEST_F(ForeignSelfUpgrade, OneThatCannotBeStartedLeavesTheOldOneWithAll) {
  start({"--listen", "http=tcp://127.0.0.1:0"});
  const auto supervisor = number("supervisor_pid");
  const auto generation = number("pid");
  LoadClient client{load()};
  install_script("rm \"$0\"; echo relaunch can take over; exit 0", "");
  const auto refused = ask({"upgrade", "--supervisor"});
  EXPECT_EQ(refused.status.text(), "exit code 20") << refused.output;
  EXPECT_THAT(refused.output, testing::HasSubstr("execv"));
  EXPECT_EQ(number("supervisor_pid"), supervisor);
  EXPECT_EQ(number("pid"), generation);
  install();
  expect_done({"upgrade"});
  expect_done({"upgrade", "--supervisor"});
  expect_done({"upgrade"});
  ASSERT_TRUE(client.wait_for_answers(5, kPatience));
  EXPECT_EQ(client.stop().failed(), 0u) << server_->output();
}

TEST_F(ForeignSelfUpgrade, WhatIsNoBuildOfItChangesNothing) {
  start({"--listen", "http=tcp://127.0.0.1:0"});
  const auto supervisor = number("supervisor_pid");
  LoadClient client{load()};
  // One that dies, and one to which everything is right.
  for (const char* check : {"kill -9 $$", "exit 0"}) {
    install_script(check, "");
    const auto refused = ask({"upgrade", "--supervisor"});
    EXPECT_EQ(refused.status.text(), "exit code 77") << refused.output;
    EXPECT_EQ(number("supervisor_pid"), supervisor);
  }
  install();
  expect_done({"upgrade"});
  EXPECT_EQ(client.stop().failed(), 0u) << server_->output();
}

TEST_F(ForeignSelfUpgrade, KilledJustAfterItTheProgramServesOnAndIsFound) {
  start({"--listen", "http=tcp://127.0.0.1:0"});
  const auto generation = number("pid");
  const auto supervisor = server_->processes().front();
  LoadClient client{load()};
  install_script("echo relaunch can take over; exit 0", "kill -9 $$");
  auto answer = std::async(std::launch::async, [&] {
    return ask({"upgrade", "--supervisor"});
  });
  ASSERT_TRUE(server_->wait_gone(supervisor, kPatience));
  ASSERT_TRUE(client.wait_for_answers(5, kPatience));
  install();
  ServerProcess next{request_};
  ASSERT_TRUE(next.wait_for_line("generation.adopted: ", kPatience))
      << next.output();
  EXPECT_EQ(answer.get().status.text(), "exit code 0");
  EXPECT_EQ(number("pid"), generation);
  ASSERT_TRUE(client.wait_for_answers(5, kPatience));
  EXPECT_EQ(client.stop().failed(), 0u) << next.output();
  expect_done({"stop"});
  EXPECT_TRUE(next.wait_gone(next.processes().front(), kPatience));
  EXPECT_THAT(server_->living(), testing::IsEmpty());
  server_.reset();
}

TEST_F(ForeignSelfUpgrade, IsRefusedIfAListenerWouldBeMissing) {
  const auto config = folder_ / "plain.ini";
  write_file(config, "listen = http=tcp://127.0.0.1:0\n");
  start({"--config", text::utf8(config)});
  const auto supervisor = number("supervisor_pid");
  const auto generation = number("pid");
  write_file(config, "listen = other=tcp://127.0.0.1:0\n");
  const auto refused = ask({"upgrade", "--supervisor"});
  EXPECT_EQ(refused.status.text(), "exit code 77");
  EXPECT_THAT(refused.output,
              testing::HasSubstr("would not have the listeners"));
  EXPECT_EQ(number("supervisor_pid"), supervisor);
  EXPECT_EQ(number("pid"), generation);
  expect_done({"upgrade"});
}

}  // namespace
}  // namespace relaunch::test
