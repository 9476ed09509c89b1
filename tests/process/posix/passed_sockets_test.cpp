// Sockets that a service manager has passed: another process of these tests
// stands for it.
#include "common/os/passed_sockets.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/address.hpp"
#include "common/base/text.hpp"
#include "common/os/listener.hpp"
#include "common/os/process.hpp"
#include "common/supervisor/passed_listeners.hpp"
#include "support/child.hpp"
#include "support/scratch_folder.hpp"

namespace relaunch::test {
namespace {

using supervisor::PassedListeners;
using testing::ElementsAre;
using testing::HasSubstr;

os::Socket open_any() {
  return os::open_listener(Address::parse("tcp://127.0.0.1:0").value()).value();
}

std::string where(const os::Socket& listener) {
  return std::string{os::local_address(listener.get()).value().text()};
}

RELAUNCH_CHILD_MAIN(takes_passed_sockets) {
  const auto passed = os::take_passed_sockets();
  if (!passed) {
    say(passed.error().text());
    return 0;
  }
  for (const auto& [name, socket] : *passed) {
    const bool for_exec = (::fcntl(socket.get(), F_GETFD) & FD_CLOEXEC) == 0;
    const bool blocks = (::fcntl(socket.get(), F_GETFL) & O_NONBLOCK) == 0;
    say(text::cat(name, ' ', where(socket), for_exec ? " stays" : "",
                  blocks ? " blocks" : ""));
  }
  for (const char* name : {"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"}) {
    if (os::environment_variable(name)) say(name);
  }
  say(text::cat(os::take_passed_sockets().value().size(), " again"));
  return 0;
}

TEST(PassedSockets, AreTakenOnceWithTheirNames) {
  const auto first = open_any();
  const auto second = open_any();
  ::fcntl(first.get(), F_SETFL, 0);
  auto request = child_request("takes_passed_sockets");
  request.listeners = {{"web", first.get()},
                       {"relaunch/listener/http", second.get()}};
  EXPECT_EQ(run_child(std::move(request)).output,
            text::cat("web ", where(first), "\nrelaunch/listener/http ",
                      where(second), "\n0 again\n"));
}

TEST(PassedSockets, OfAnotherProcessAreLeftAlone) {
  auto request = child_request("takes_passed_sockets");
  request.environment.insert(request.environment.end(),
                             {"LISTEN_FDS=1", "LISTEN_PID=1"});
  EXPECT_EQ(run_child(request).output, "0 again\n");
}

// With the number of the process, which only itself knows.
TEST(PassedSockets, WhatIsNotTrueIsAnError) {
  auto request = child_request("takes_passed_sockets");
  request.executable = "/bin/sh";
  const auto program = request.arguments.at(0);
  for (const char* count : {"", "x", "-1", "1x", "99999999999"}) {
    auto wrong = request;
    wrong.arguments = {"sh", "-c",
                       text::cat("LISTEN_PID=$$ LISTEN_FDS=", count,
                                 " exec \"$0\" --child=takes_passed_sockets"),
                       text::utf8(os::running_executable().value())};
    EXPECT_THAT(run_child(wrong).output, HasSubstr("cannot read LISTEN_FDS"))
        << count;
    wrong.arguments[2] =
        "LISTEN_PID=$$ LISTEN_FDS=200 exec \"$0\" --child=takes_passed_sockets";
    EXPECT_THAT(run_child(wrong).output, HasSubstr("Bad file descriptor"));
  }
}

// What becomes of them -------------------------------------------------------

struct Passed {
  std::vector<os::PassedSocket> sockets;
  /// Its address.
  std::string add(std::string name) {
    sockets.push_back({std::move(name), open_any()});
    return where(sockets.back().socket);
  }
  PassedListeners listeners() { return PassedListeners{std::move(sockets)}; }
};

std::string taken(PassedListeners& passed,
                  const supervisor::ListenerOption& option) {
  const auto took = passed.take(option);
  if (!took) return took.error().text();
  if (!*took) return "none";
  EXPECT_EQ(where((*took)->socket), (*took)->item.address);
  return text::cat((*took)->item.name, ' ', (*took)->item.address);
}

TEST(PassedListeners, AreFoundByTheNameOfTheirUnit) {
  Passed passed;
  const auto http = passed.add("http");
  const auto web = passed.add("web");
  auto listeners = passed.listeners();
  EXPECT_EQ(taken(listeners, {"admin", "systemd:web"}), "admin " + web);
  EXPECT_EQ(taken(listeners, {"http", "systemd:"}), "http " + http);
  EXPECT_THAT(taken(listeners, {"http", "systemd:"}),
              HasSubstr("no socket with the name 'http'"));
}

TEST(PassedListeners, OfOneNameAreToldApartByNobody) {
  Passed passed;
  passed.add("http");
  passed.add("http");
  auto listeners = passed.listeners();
  EXPECT_THAT(taken(listeners, {"http", "systemd:"}),
              HasSubstr("2 sockets with the name 'http'"));
}

TEST(PassedListeners, OutOfTheStoreFitByNameAndAddress) {
  Passed passed;
  const auto http = passed.add("relaunch/listener/http");
  passed.add("relaunch/listener/moved");
  const auto extra = passed.add("relaunch/listener/extra");
  passed.add("unknown");
  auto listeners = passed.listeners();
  EXPECT_TRUE(listeners.have({{"http", http}, {"extra", "systemd:"}}));
  EXPECT_FALSE(listeners.have({{"http", http}, {"moved", "tcp://[::1]:1"}}));
  EXPECT_EQ(taken(listeners, {"http", http}), "http " + http);
  EXPECT_EQ(taken(listeners, {"http", http}), "none");
  EXPECT_EQ(taken(listeners, {"moved", "tcp://127.0.0.1:1"}), "none");
  EXPECT_EQ(taken(listeners, {"extra", "systemd:"}), "extra " + extra);
  const auto rest = listeners.take_stored();
  ASSERT_EQ(rest.size(), 1u);
  EXPECT_EQ(rest.front().item.name, "moved");
  EXPECT_THAT(listeners.close(), ElementsAre("unknown"));
}

TEST(PassedListeners, AtAPathBringTheFileThatIsTheirsOutOfTheStore) {
  const ScratchFolder folder;
  const auto address =
      Address::parse(text::cat("unix://", folder / "app.sock")).value();
  const auto stored = [&](std::string_view unit) {
    std::string file;
    auto socket = os::open_listener(address, &file).value();
    std::vector<os::PassedSocket> sockets;
    const protocol::ListenerItem item{"web", 0, {}, false, file};
    sockets.push_back({supervisor::stored_name(item), std::move(socket)});
    PassedListeners listeners{std::move(sockets)};
    const std::string asked = unit.empty() ? address.text() : std::string{unit};
    EXPECT_TRUE(listeners.have({{"web", asked}}));
    auto took = listeners.take({"web", asked}).value();
    EXPECT_EQ(took->item.file, unit.empty() ? file : "");
    os::remove_listener_file(address, file);
  };
  stored("");
  stored("systemd:");  // what a unit has made is the unit's
}

TEST(PassedListeners, WhosePathIsGoneAreOpenedAnew) {
  const ScratchFolder folder;
  const auto address =
      Address::parse(text::cat("unix://", folder / "app.sock")).value();
  std::string file;
  auto socket = os::open_listener(address, &file).value();
  std::vector<os::PassedSocket> sockets;
  sockets.push_back({supervisor::stored_name({"web", 0, {}, false, file}),
                     std::move(socket)});
  os::remove_listener_file(address, file);
  PassedListeners listeners{std::move(sockets)};
  EXPECT_EQ(taken(listeners, {"web", address.text()}), "none");
  EXPECT_TRUE(listeners.take_stored().empty());
}

TEST(PassedListeners, AreStoredUnderANameThatTellsTheirs) {
  const protocol::ListenerItem plain{"a/b=c", 0, {}};
  EXPECT_EQ(supervisor::stored_name(plain), "relaunch/listener/a/b=c");
  EXPECT_EQ(supervisor::stored_item("relaunch/listener/a/b=c"), plain);
  const protocol::ListenerItem local{"web", 0, {}, false, "26.1234"};
  EXPECT_EQ(supervisor::stored_name(local), "relaunch/listener=26.1234/web");
  EXPECT_EQ(supervisor::stored_item("relaunch/listener=26.1234/web"), local);
  for (const char* name : {"", "web", "relaunch/listener",
                           "relaunch/listenerx/a", "relaunch/listener=1.2"}) {
    EXPECT_FALSE(supervisor::stored_item(name)) << name;
  }
}

TEST(PassedListeners, MustListen) {
  Passed passed;
  passed.add("http");
  ::shutdown(passed.sockets.front().socket.get(), SHUT_RDWR);
  auto listeners = passed.listeners();
  EXPECT_THAT(taken(listeners, {"http", "systemd:"}),
              HasSubstr("does not accept connections"));
}

}  // namespace
}  // namespace relaunch::test
