// `relaunch service …` as it is typed, with the real service manager.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/text.hpp"
#include "common/os/service.hpp"
#include "support/child.hpp"

namespace relaunch::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class ServiceCommand : public testing::Test {
 protected:
  ~ServiceCommand() override {
    if (!os::query_service(name)) return;
    (void)os::order_service(name, os::ServiceOrder::stop);
    EXPECT_TRUE(os::uninstall_service(name));
  }
  ChildResult run(std::vector<std::string> words) {
    os::LaunchRequest request;
    request.executable = RELAUNCH_COMMAND;
    request.arguments = {RELAUNCH_COMMAND, "service"};
    for (auto& word : words) request.arguments.push_back(std::move(word));
    request.environment = os::own_environment();
    return run_child(std::move(request));
  }

  const std::string name =
      text::cat("relaunch-test-", os::own_process_id(), '-',
                testing::UnitTest::GetInstance()->current_test_info()->name());
};

TEST_F(ServiceCommand, InstallsOnceTellsItsStateAndUninstalls) {
  const std::vector<std::string> install{
      "install", "--name",  name,    "--listen", "http=tcp://127.0.0.1:0",
      "--",      "a b.exe", "--word"};
  const auto installed = run(install);
  EXPECT_EQ(installed.status.code, 0u) << installed.output;
  EXPECT_THAT(os::query_service(name).value().command,
              HasSubstr(text::cat("\" service host ", name, ' ')));
  EXPECT_THAT(os::query_service(name).value().command,
              HasSubstr(" -- \"a b.exe\" --word"));

  EXPECT_NE(run(install).status.code, 0u);
  const auto status = run({"status", "--name", name});
  EXPECT_EQ(status.status.code, 0u);
  EXPECT_THAT(status.output,
              StartsWith(text::cat("service: ", name, "\nstate: stopped\n")));

  EXPECT_EQ(run({"stop", "--name", name}).status.code, 0u) << "it does not run";
  const auto gone = run({"uninstall", "--name", name});
  EXPECT_EQ(gone.status.code, 0u) << gone.output;
  EXPECT_FALSE(os::query_service(name));
}

TEST_F(ServiceCommand, OneThatDoesNotExistIsNotReachable) {
  for (const char* action : {"start", "stop", "status", "uninstall"}) {
    const auto result = run({action, "--name", name});
    EXPECT_EQ(result.status.code, 69u) << action;
    EXPECT_THAT(result.output, StartsWith("relaunch: cannot "));
  }
}

TEST_F(ServiceCommand, NothingIsInstalledThatCannotRun) {
  const auto result =
      run({"install", "--name", name, "--grace", "5x", "--", "p"});
  EXPECT_NE(result.status.code, 0u);
  EXPECT_THAT(result.output, HasSubstr("--grace '5x'"));
  EXPECT_FALSE(os::query_service(name));
}

}  // namespace
}  // namespace relaunch::test
