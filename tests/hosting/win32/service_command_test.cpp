// `relaunch service …` as it is typed, with the real service manager.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <boost/json/parse.hpp>
#include <optional>

#include "common/base/text.hpp"
#include "common/os/listener.hpp"
#include "common/os/service.hpp"
#include "hosting/win32/service_manager.hpp"
#include "support/child.hpp"
#include "support/event_wait.hpp"
#include "support/scratch_folder.hpp"

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
    words.insert(words.begin(), "service");
    return command(std::move(words));
  }
  ChildResult command(std::vector<std::string> words) {
    os::LaunchRequest request;
    request.executable = RELAUNCH_COMMAND;
    request.arguments = {RELAUNCH_COMMAND};
    for (auto& word : words) request.arguments.push_back(std::move(word));
    request.environment = os::own_environment();
    return run_child(std::move(request));
  }

  const ServiceManagerTurn turn;
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

/// One request, and the body of its answer.
std::string get(std::uint16_t port) {
  namespace asio = boost::asio;
  asio::io_context io;
  asio::ip::tcp::socket socket{io};
  std::string answer;
  std::optional<boost::system::error_code> result;
  socket.async_connect(
      {asio::ip::address_v4::loopback(), port},
      [&](const boost::system::error_code& failure) {
        if (failure) {
          result = failure;
          return;
        }
        asio::write(socket, asio::buffer("GET / HTTP/1.1\r\n\r\n", 18));
        asio::async_read(socket, asio::dynamic_buffer(answer),
                         [&](const boost::system::error_code& ended,
                             std::size_t) { result = ended; });
      });
  if (!wait_until(io, [&] { return result.has_value(); })) return "no answer";
  const auto body = answer.find("\r\n\r\n");
  return body == std::string::npos ? result->message()
                                   : answer.substr(body + 4);
}

class ServedProgram : public ServiceCommand {
 protected:
  void install_and_start(const ScratchFolder& scratch, std::uint16_t port) {
    const auto installed =
        run({"install", "--name", name, "--state-folder",
             text::utf8(scratch / "state"), "--listen",
             text::cat("http=tcp://127.0.0.1:", port), "--readiness", "none",
             "--stop-signal", "INT",  // what Wine has
             "--probation", "10ms", "--", LISTENFD_PROGRAM});
    ASSERT_EQ(installed.status.code, 0u) << installed.output;
    const auto started = run({"start", "--name", name});
    ASSERT_EQ(started.status.code, 0u) << started.output;
  }
  /// By the service manager's order: who serves then.
  std::string upgraded(std::uint16_t port, const std::string& before) {
    os::order_service(name, os::ServiceOrder::upgrade).value();
    std::string after = before;
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (after == before && std::chrono::steady_clock::now() < end) {
      after = get(port);
    }
    EXPECT_NE(after, before);
    EXPECT_GT(std::stoul(after), 0u);
    return after;
  }
  os::ProcessId supervisor_of(const ScratchFolder& scratch) {
    const auto status =
        command({"status", "--json", "--name", name, "--state-folder",
                 text::utf8(scratch / "state")});
    return boost::json::parse(status.output)
        .at("supervisor_pid")
        .to_number<os::ProcessId>();
  }
};

std::uint16_t free_port() {
  const auto any =
      os::open_listener(Address::parse("tcp://127.0.0.1:0").value()).value();
  return os::local_address(any.get()).value().port();
}

// The program knows nothing of relaunch, and is served unmodified.
TEST_F(ServedProgram, IsServedAndUpgradedAndStopped) {
  const ScratchFolder scratch;
  const std::uint16_t port = free_port();
  install_and_start(scratch, port);
  const auto host = os::query_service(name).value().pid;
  const std::string first = get(port);
  EXPECT_GT(std::stoul(first), 0u);

  const std::string second = upgraded(port, first);
  EXPECT_EQ(os::query_service(name).value().pid, host);

  const auto process =
      os::open_process(static_cast<os::ProcessId>(std::stoul(second)));
  const auto stopped = run({"stop", "--name", name});
  EXPECT_EQ(stopped.status.code, 0u) << stopped.output;
  EXPECT_TRUE(!process || wait_for_end(*process));
  EXPECT_EQ(os::query_service(name).value().exit_code, 0u);
}

// The service manager sees the same process all the time.
TEST_F(ServedProgram, StaysWhenItsSupervisorIsReplaced) {
  const ScratchFolder scratch;
  const std::uint16_t port = free_port();
  install_and_start(scratch, port);
  const auto host = os::query_service(name).value().pid;
  std::string program = get(port);
  auto supervisor = supervisor_of(scratch);
  for (int i = 0; i < 2; ++i) {
    const auto replaced =
        command({"upgrade", "--supervisor", "--name", name, "--state-folder",
                 text::utf8(scratch / "state")});
    ASSERT_EQ(replaced.status.code, 0u) << replaced.output;
    EXPECT_NE(std::exchange(supervisor, supervisor_of(scratch)), supervisor);
    EXPECT_EQ(get(port), program);
    program = upgraded(port, program);
    const auto status = os::query_service(name).value();
    EXPECT_EQ(status.state, os::ServiceState::running);
    EXPECT_EQ(status.pid, host);
  }
  const auto last = os::open_process(supervisor).value();
  const auto process =
      os::open_process(static_cast<os::ProcessId>(std::stoul(program)));
  const auto stopped = run({"stop", "--name", name});
  EXPECT_EQ(stopped.status.code, 0u) << stopped.output;
  EXPECT_TRUE(!process || wait_for_end(*process));
  EXPECT_TRUE(wait_for_end(last));
  EXPECT_EQ(os::query_service(name).value().exit_code, 0u);
}

}  // namespace
}  // namespace relaunch::test
