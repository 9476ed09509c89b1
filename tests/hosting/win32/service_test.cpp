// With the real service manager; each service has a name of its own and is
// removed whatever happens.
#include "common/os/service.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/text.hpp"
#include "common/os/process.hpp"
#include "common/supervisor/service_host.hpp"
#include "hosting/supervisor_stub.hpp"
#include "hosting/win32/service_manager.hpp"
#include "support/child.hpp"
#include "support/event_wait.hpp"
#include "win32/win32.hpp"

namespace relaunch::test {
namespace {

using os::ServiceOrder;
using os::ServiceState;
using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::StartsWith;

RELAUNCH_CHILD_MAIN(service_host) {
  supervisor::ServiceHostOptions options;
  options.command.assign(args.begin() + 1, args.end());
  options.restart.delay = milliseconds{1};
  return supervisor::run_service_host(args.at(0), options) ? 0 : 1;
}

class ServiceTest : public testing::Test {
 protected:
  ServiceTest()
      : name(text::cat(
            "relaunch-test-", os::own_process_id(), '-',
            testing::UnitTest::GetInstance()->current_test_info()->name())) {
    std::vector<std::string> args{name};
    for (auto& word : stubs.command()) args.push_back(std::move(word));
    definition.name = name;
    // Display names are unique too, and tests run beside each other.
    definition.title = text::cat(name, " (a test)");
    definition.description = "removed at its end";
    definition.command = child_request("service_host", args).arguments;
    definition.restart_delays = {milliseconds{1'000}};
  }
  ~ServiceTest() override {
    const auto status = os::query_service(name);
    if (!status) return;
    (void)os::order_service(name, ServiceOrder::stop);
    (void)os::wait_for_service(name, ServiceState::stopping, kPatience);
    if (status->pid != 0) {
      if (auto host = os::open_process(status->pid)) {
        if (!wait_for_end(*host)) (void)host->kill();
      }
    }
    EXPECT_TRUE(os::uninstall_service(name));
  }

  StubLink& start() {
    os::install_service(definition).value();
    os::start_service(name).value();
    return stubs.at(0);
  }
  void start_to_serve() {
    auto& stub = start();
    stub.tell("serve");
    EXPECT_EQ(state_after(ServiceState::starting), ServiceState::running);
  }
  ServiceState state_after(ServiceState before) {
    return os::wait_for_service(name, before, kPatience).value().state;
  }
  ServiceState state() { return os::query_service(name).value().state; }

  const ServiceManagerTurn turn;
  boost::asio::io_context io;
  Stubs stubs{io};
  std::string name;
  os::ServiceDefinition definition;
};

TEST_F(ServiceTest, IsInstalledWithAQuotedPathAndStopped) {
  os::install_service(definition).value();
  const auto status = os::query_service(name).value();
  EXPECT_EQ(status.state, ServiceState::stopped);
  EXPECT_EQ(status.pid, 0u);
  EXPECT_THAT(status.command,
              StartsWith(text::cat('"', definition.command[0], "\" ")));
  EXPECT_FALSE(os::install_service(definition)) << "the name is taken";
}

TEST_F(ServiceTest, IsPendingUntilTheFirstGenerationServesThenStops) {
  auto& stub = start();
  EXPECT_EQ(state(), ServiceState::starting);
  stub.tell("serve");
  EXPECT_EQ(state_after(ServiceState::starting), ServiceState::running);
  os::order_service(name, ServiceOrder::stop).value();
  EXPECT_TRUE(wait_until(io, [&] { return stub.said("\"stop\""); }));
  EXPECT_EQ(state_after(ServiceState::stopping), ServiceState::stopped);
  EXPECT_EQ(os::query_service(name).value().exit_code, 0u);
  EXPECT_FALSE(os::order_service(name, ServiceOrder::stop));
}

TEST_F(ServiceTest, ParameterChangeIsReloadAndTheCustomControlIsUpgrade) {
  start_to_serve();
  os::order_service(name, ServiceOrder::reload).value();
  EXPECT_TRUE(wait_until(io, [&] { return stubs.at(0).said("\"reload\""); }));
  os::order_service(name, ServiceOrder::upgrade).value();
  EXPECT_TRUE(wait_until(io, [&] { return stubs.at(0).said("\"upgrade\""); }));
  EXPECT_EQ(state(), ServiceState::running);
}

TEST_F(ServiceTest, StaysTheSameProcessWhenItsSupervisorDies) {
  start_to_serve();
  const auto pid = os::query_service(name).value().pid;
  EXPECT_NE(pid, 0u);
  stubs.at(0).tell("exit 70");
  stubs.at(1).tell("serve");
  EXPECT_TRUE(wait_until(io, [&] { return stubs.at(1).said("did serve"); }));
  const auto status = os::query_service(name).value();
  EXPECT_EQ(status.pid, pid);
  EXPECT_EQ(status.state, ServiceState::running);
}

TEST_F(ServiceTest, TellsWhyItCannotRun) {
  auto& stub = start();
  stub.tell("exit 78");
  EXPECT_EQ(state_after(ServiceState::starting), ServiceState::stopped);
  EXPECT_EQ(os::query_service(name).value().exit_code, 78u);
}

TEST_F(ServiceTest, NothingLivesLongerThanItsHost) {
  start_to_serve();
  auto host = os::open_process(os::query_service(name).value().pid).value();
  host.kill().value();
  EXPECT_TRUE(wait_for_end(host));
  EXPECT_TRUE(wait_until(io, [&] { return stubs.at(0).lost(); }));
}

// What the service manager keeps; empty: it does not tell (Wine 8).
std::vector<std::uint64_t> configuration(const std::string& name, DWORD what) {
  const SC_HANDLE manager =
      OpenSCManagerW(nullptr, nullptr, SC_MANAGER_CONNECT);
  const SC_HANDLE service = OpenServiceW(manager, os::win32::wide(name).c_str(),
                                         SERVICE_QUERY_CONFIG);
  std::vector<std::uint64_t> room(256);
  DWORD needed = 0;
  if (!QueryServiceConfig2W(
          service, what, reinterpret_cast<BYTE*>(room.data()),
          static_cast<DWORD>(room.size() * sizeof(std::uint64_t)), &needed)) {
    EXPECT_EQ(GetLastError(), DWORD{ERROR_INVALID_LEVEL});
    room.clear();
  }
  CloseServiceHandle(service);
  CloseServiceHandle(manager);
  return room;
}

TEST_F(ServiceTest, IsStartedAgainByTheSystemWhenItFails) {
  os::install_service(definition).value();
  const auto room = configuration(name, SERVICE_CONFIG_FAILURE_ACTIONS);
  if (room.empty()) GTEST_SKIP() << "Wine 8 takes them and does not tell them";
  const auto* const actions =
      reinterpret_cast<const SERVICE_FAILURE_ACTIONSW*>(room.data());
  ASSERT_EQ(actions->cActions, 1u);
  EXPECT_EQ(actions->lpsaActions[0].Type, SC_ACTION_RESTART);
  EXPECT_EQ(actions->lpsaActions[0].Delay, 1'000u);
}

TEST_F(ServiceTest, HasTimeToStopWhenTheSystemShutsDown) {
  os::install_service(definition).value();
  const auto room = configuration(name, SERVICE_CONFIG_PRESHUTDOWN_INFO);
  ASSERT_FALSE(room.empty());
  EXPECT_EQ(reinterpret_cast<const SERVICE_PRESHUTDOWN_INFO*>(room.data())
                ->dwPreshutdownTimeout,
            180'000u);
}

TEST(Service, OneThatDoesNotExistIsNamedInTheError) {
  for (const auto& failed :
       {os::start_service("relaunch-none"),
        os::uninstall_service("relaunch-none"),
        os::order_service("relaunch-none", ServiceOrder::upgrade)}) {
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code().value(), ERROR_SERVICE_DOES_NOT_EXIST);
    EXPECT_THAT(failed.error().text(),
                HasSubstr(" service relaunch-none: OpenServiceW: "));
  }
}

TEST(Service, HostThatSomebodyElseStartsSaysSo) {
  const ServiceManagerTurn turn;
  const auto ran = supervisor::run_service_host("relaunch-none", {});
  ASSERT_FALSE(ran);
  EXPECT_THAT(ran.error().text(), HasSubstr("only the service manager starts"));
}

}  // namespace
}  // namespace relaunch::test
