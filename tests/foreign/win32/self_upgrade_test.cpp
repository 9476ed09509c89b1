// The command replaces itself above a program that knows nothing of relaunch.
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <filesystem>

#include "cli/command.hpp"
#include "common/base/text.hpp"
#include "foreign/plain_program.hpp"
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
  ForeignSelfUpgrade() : NamedInstance("plain") {
    install();
    std::vector<std::string> words{"run",
                                   "--probation",
                                   "100ms",
                                   "--listen",
                                   "http=tcp://127.0.0.1:0",
                                   "--stop-signal",
                                   "INT",
                                   "--readiness",
                                   "none",
                                   "--"};
    for (auto& word : plain_program()) words.push_back(word);
    auto request = command(about(std::move(words)));
    request.executable = command_;
    server_.emplace(std::move(request));
  }

  /// Another file in the place of the command's, which may be running.
  void install() {
    if (fs::exists(command_)) {
      fs::rename(command_, folder_ / text::cat("old-", installed_++, ".exe"));
    }
    fs::copy_file(RELAUNCH_COMMAND, command_);
  }
  json::object status() const {
    const auto answer = ask({"status", "--json"});
    return json::parse(answer.output).as_object();
  }
  std::int64_t number(const char* key) const {
    return status().at(key).as_int64();
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

  unsigned installed_ = 0;
  fs::path command_ = folder_ / "relaunch.exe";
  std::optional<ServerProcess> server_;
};

TEST_F(ForeignSelfUpgrade, LosesNoRequestAndTheNextUpgradeWorks) {
  ASSERT_TRUE(server_->wait_for_line("start.ended: ", kPatience))
      << server_->output();
  auto supervisor = number("supervisor_pid");
  auto generation = number("pid");
  LoadClient client{load()};
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(client.wait_for_answers(5, kPatience));
    install();
    expect_done({"upgrade", "--supervisor"});
    EXPECT_NE(std::exchange(supervisor, number("supervisor_pid")), supervisor);
    EXPECT_EQ(number("pid"), generation);
    expect_done({"upgrade"});
    EXPECT_NE(std::exchange(generation, number("pid")), generation);
  }
  ASSERT_TRUE(client.wait_for_answers(5, kPatience));
  const LoadReport report = client.stop();
  EXPECT_EQ(report.failed(), 0u) << report.text() << server_->output();
  const auto program =
      os::open_process(static_cast<os::ProcessId>(generation)).value();
  const auto last =
      os::open_process(static_cast<os::ProcessId>(supervisor)).value();
  expect_done({"stop"});
  EXPECT_TRUE(wait_for_end(program)) << server_->output();
  EXPECT_TRUE(wait_for_end(last)) << server_->output();
}

}  // namespace
}  // namespace relaunch::test
