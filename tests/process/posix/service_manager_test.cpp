// A datagram socket stands for systemd: who speaks to it, and what it reads.
#include "common/os/service_manager.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <future>

#include "common/base/text.hpp"
#include "common/os/files.hpp"
#include "common/os/handle.hpp"
#include "common/os/listener.hpp"
#include "common/os/process.hpp"
#include "relaunch/upgrader.hpp"
#include "support/child.hpp"
#include "support/scratch_folder.hpp"

namespace relaunch::test {
namespace {

class Manager {
 public:
  explicit Manager(std::string path)
      : path_(std::move(path)),
        socket_(
            ::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    const sockaddr_un address = to_address();
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address),
                     sizeof address),
              0);
  }
  std::string variable() const { return text::cat("NOTIFY_SOCKET=", path_); }
  /// `passed`: the socket that comes with it.
  std::string read(os::Socket* passed = nullptr) const {
    char bytes[4096];
    iovec place = {bytes, sizeof bytes};
    msghdr message = {};
    message.msg_iov = &place;
    message.msg_iovlen = 1;
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    message.msg_control = control;
    message.msg_controllen = passed ? sizeof control : 0;
    const auto got = ::recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC);
    if (const auto* header = CMSG_FIRSTHDR(&message); passed && header) {
      int number = -1;
      std::memcpy(&number, CMSG_DATA(header), sizeof number);
      *passed = os::Socket{number};
    }
    return got < 0 ? "nothing" : std::string(bytes, got);
  }
  /// Until it can be told nothing more: how often.
  int fill() const {
    const os::Handle sender{
        ::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    const sockaddr_un address = to_address();
    int count = 0;
    while (::sendto(sender.get(), "full", 4, 0,
                    reinterpret_cast<const sockaddr*>(&address),
                    sizeof address) == 4) {
      ++count;
    }
    return count;
  }

 private:
  sockaddr_un to_address() const {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
    return address;
  }

  std::string path_;
  os::Handle socket_;
};

// args: what it tells.
RELAUNCH_CHILD_MAIN(speaks_to_systemd) {
  const auto manager = os::ServiceManager::find();
  if (!manager) {
    say("none");
    return 0;
  }
  say(manager->watchdog() ? text::cat(manager->watchdog()->count())
                          : std::string{"not watched"});
  for (const auto& each : args) {
    const bool patient = os::environment_variable("PATIENT").has_value();
    const auto told =
        manager->tell(each, std::chrono::seconds{patient ? 20 : 0});
    say(told ? "told" : told.error().text());
  }
  return 0;
}

std::string speak(std::vector<std::string> variables,
                  std::vector<std::string> words = {}) {
  auto request = child_request("speaks_to_systemd", std::move(words));
  for (auto& variable : variables) {
    request.environment.push_back(std::move(variable));
  }
  return run_child(std::move(request)).output;
}

TEST(ServiceManager, IsNobodyWithoutItsVariable) {
  EXPECT_EQ(speak({}), "none\n");
  EXPECT_EQ(speak({"NOTIFY_SOCKET=", "WATCHDOG_USEC=7"}), "none\n");
}

TEST(ServiceManager, HearsWhatItIsTold) {
  ScratchFolder scratch;
  const Manager manager{text::utf8(scratch / "notify")};
  EXPECT_EQ(speak({manager.variable()}, {"READY=1\nSTATUS=fine", "STOPPING=1"}),
            "not watched\ntold\ntold\n");
  EXPECT_EQ(manager.read(), "READY=1\nSTATUS=fine");
  EXPECT_EQ(manager.read(), "STOPPING=1");
  EXPECT_EQ(manager.read(), "nothing");
}

TEST(ServiceManager, WatchesWhomItMeans) {
  const std::string socket = "NOTIFY_SOCKET=/nobody";
  EXPECT_EQ(speak({socket, "WATCHDOG_USEC=700000"}), "700000\n");
  EXPECT_EQ(speak({socket, "WATCHDOG_USEC=700000", "WATCHDOG_PID=1"}),
            "not watched\n");
  for (const char* none : {"0", "", "7s", "-7", "99999999999999999999"}) {
    EXPECT_EQ(speak({socket, text::cat("WATCHDOG_USEC=", none)}),
              "not watched\n")
        << none;
  }
}

TEST(ServiceManager, SaysWhyItCannotBeTold) {
  ScratchFolder scratch;
  const auto path = text::utf8(scratch / "nobody");
  EXPECT_EQ(speak({text::cat("NOTIFY_SOCKET=", path)}, {"READY=1"}),
            text::cat("not watched\ncannot tell service manager at ", path,
                      ": sendmsg: No such file or directory (system:2)\n"));
  EXPECT_NE(speak({"NOTIFY_SOCKET=vsock:2:1"}, {"READY=1"})
                .find("neither a path nor abstract"),
            std::string::npos);
  EXPECT_NE(
      speak({text::cat("NOTIFY_SOCKET=/", std::string(107, 'x'))}, {"READY=1"})
          .find("File name too long"),
      std::string::npos);
}

TEST(ServiceManager, IsWaitedForWhileItsQueueIsFull) {
  ScratchFolder scratch;
  const Manager manager{text::utf8(scratch / "notify")};
  const int filled = manager.fill();
  EXPECT_NE(speak({manager.variable()}, {"READY=1"})
                .find("Resource temporarily unavailable"),
            std::string::npos);
  auto patient = std::async(std::launch::async, [&] {
    return speak({manager.variable(), "PATIENT=1"}, {"READY=1"});
  });
  for (int i = 0; i != filled; ++i) EXPECT_EQ(manager.read(), "full");
  EXPECT_EQ(patient.get(), "not watched\ntold\n");
  EXPECT_EQ(manager.read(), "READY=1");
}

// args: the name.
RELAUNCH_CHILD_MAIN(stores_a_listener) {
  const auto manager = os::ServiceManager::find();
  const auto listener =
      os::open_listener(Address::parse("tcp://127.0.0.1:0").value()).value();
  manager->store(args.at(0), listener.get()).value();
  manager->forget(args.at(0)).value();
  say(os::local_address(listener.get()).value().text());
  return 0;
}

TEST(ServiceManager, IsGivenASocketToKeep) {
  ScratchFolder scratch;
  const Manager manager{text::utf8(scratch / "notify")};
  auto request = child_request("stores_a_listener", {"relaunch/http"});
  request.environment.push_back(manager.variable());
  const std::string address = run_child(std::move(request)).output;
  os::Socket kept;
  EXPECT_EQ(manager.read(&kept), "FDSTORE=1\nFDPOLL=0\nFDNAME=relaunch/http");
  ASSERT_TRUE(kept);
  EXPECT_EQ(text::cat(os::local_address(kept.get()).value().text(), "\n"),
            address);
  EXPECT_TRUE(os::is_listening(kept.get()).value());
  EXPECT_EQ(manager.read(), "FDSTOREREMOVE=1\nFDNAME=relaunch/http");
}

// The main process of a unit ------------------------------------------------

// With its own number in the variable, as systemd sets it.
ChildResult run_as_main(os::LaunchRequest request) {
  const auto program = text::utf8(request.executable);
  request.executable = "/bin/sh";
  request.arguments.erase(request.arguments.begin());
  request.arguments.insert(
      request.arguments.begin(),
      {"sh", "-c", "SYSTEMD_EXEC_PID=$$ exec \"$0\" \"$@\"", program});
  return run_child(std::move(request));
}

// args: the state folder.
RELAUNCH_CHILD_MAIN(serves_and_stops) {
  Options options;
  options.name = "test";
  options.state_folder = text::path_from_utf8(args.at(0));
  std::promise<void> left;
  Upgrader upgrader{options};
  upgrader.on_drain([&](const Drain&) { left.set_value(); });
  upgrader.ready();
  upgrader.stop();
  left.get_future().wait();
  return 0;
}

class MainProcess : public testing::Test {
 protected:
  os::LaunchRequest server() const {
    auto request =
        child_request("serves_and_stops", {text::utf8(scratch_ / "state")});
    request.environment.push_back(manager_.variable());
    return request;
  }

  ScratchFolder scratch_;
  const Manager manager_{text::utf8(scratch_ / "notify")};
};

TEST_F(MainProcess, SaysWhenItServesAndWhenItStops) {
  EXPECT_TRUE(run_as_main(server()).status.success());
  EXPECT_EQ(manager_.read(), "READY=1");
  const std::string status = manager_.read();
  EXPECT_TRUE(status.starts_with("STATUS=generation 1 (pid ")) << status;
  EXPECT_EQ(manager_.read(), "STOPPING=1\nSTATUS=stopping");
  EXPECT_EQ(manager_.read(), "nothing");
}

TEST_F(MainProcess, IsSilentWhereSystemdHasStartedAnotherOne) {
  auto request = server();
  EXPECT_TRUE(run_child(request).status.success());
  request.environment.push_back(
      text::cat("SYSTEMD_EXEC_PID=", os::own_process_id()));
  EXPECT_TRUE(run_child(std::move(request)).status.success());
  EXPECT_EQ(manager_.read(), "nothing");
}

std::string refusal(std::string_view variable) {
  ScratchFolder scratch;
  const auto answer = scratch / "answer";
  auto request =
      child_request("asks_for_an_upgrade",
                    {text::utf8(scratch / "state"), text::utf8(answer)});
  if (!variable.empty()) request.environment.emplace_back(variable);
  run_as_main(std::move(request));
  return os::read_file(answer, 4096).value();
}

TEST_F(MainProcess, RefusesAnUpgradeOfWhichSystemdCannotBeTold) {
  const std::string no_socket = refusal({});
  EXPECT_TRUE(no_socket.starts_with("refused: ")) << no_socket;
  EXPECT_NE(no_socket.find("give the unit Type=notify"), std::string::npos)
      << no_socket;
  const std::string nobody = refusal("NOTIFY_SOCKET=/nobody");
  EXPECT_TRUE(nobody.starts_with("refused: ")) << nobody;
  EXPECT_NE(nobody.find("cannot tell service manager at /nobody"),
            std::string::npos)
      << nobody;
}

// What it starts in an upgrade --------------------------------------------

RELAUNCH_CHILD_MAIN(tells_its_parent) {
  say(text::cat("parent=", ::getppid()));
  return 7;
}

RELAUNCH_CHILD_MAIN(starts_a_sibling) {
  auto request = child_request("tells_its_parent");
  request.as_sibling = true;
  auto sibling = os::launch(request).value();
  if (!sibling.gone(std::chrono::seconds{20})) return 1;
  // Whoever has it as a child knows it.
  return sibling.exit_status().success() ? 2 : 0;
}

TEST(Launch, MakesASiblingThatBelongsToTheSameParent) {
  const auto result = run_child(child_request("starts_a_sibling"));
  EXPECT_TRUE(result.status.success());
  EXPECT_EQ(result.output, text::cat("parent=", ::getpid(), "\n"));
  int status = 0;
  ASSERT_GT(::waitpid(-1, &status, 0), 0);
  EXPECT_EQ(WEXITSTATUS(status), 7);
}

}  // namespace
}  // namespace relaunch::test
