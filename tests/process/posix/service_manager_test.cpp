// A datagram socket stands for systemd: who speaks to it, and what it reads.
#include "common/os/service_manager.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>

#include "common/base/text.hpp"
#include "common/os/handle.hpp"
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
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address),
                     sizeof address),
              0);
  }
  std::string variable() const { return text::cat("NOTIFY_SOCKET=", path_); }
  std::string read() const {
    char bytes[4096];
    const auto got = ::recv(socket_.get(), bytes, sizeof bytes, 0);
    return got < 0 ? "nothing" : std::string(bytes, got);
  }

 private:
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
    const auto told = manager->tell(each);
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
                      ": sendto: No such file or directory (system:2)\n"));
  EXPECT_NE(speak({"NOTIFY_SOCKET=vsock:2:1"}, {"READY=1"})
                .find("neither a path nor abstract"),
            std::string::npos);
  EXPECT_NE(
      speak({text::cat("NOTIFY_SOCKET=/", std::string(107, 'x'))}, {"READY=1"})
          .find("File name too long"),
      std::string::npos);
}

}  // namespace
}  // namespace relaunch::test
