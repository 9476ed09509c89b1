// Listeners that another process of ours passes on at a start. No service
// manager does so here, whatever the variables of systemd say.
#include "common/os/passed_sockets.hpp"

#include <gtest/gtest.h>

#include "common/base/address.hpp"
#include "common/base/text.hpp"
#include "common/os/listener.hpp"
#include "support/child.hpp"

namespace relaunch::test {
namespace {

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
    const auto expected = Address::parse(where(socket)).value();
    const bool listens =
        static_cast<bool>(os::check_listener(socket.get(), expected));
    say(text::cat(name, ' ', where(socket), listens ? "" : " does not listen"));
  }
  if (os::environment_variable("RELAUNCH_PASSED_SOCKETS")) say("told on");
  say(text::cat(os::take_passed_sockets().value().size(), " again"));
  return 0;
}

TEST(PassedSockets, AreNoneByTheProtocolOfSystemd) {
  auto request = child_request("takes_passed_sockets");
  request.environment.emplace_back("LISTEN_FDS=3");
  EXPECT_EQ(run_child(std::move(request)).output, "0 again\n");
}

TEST(PassedSockets, AreTakenOnceWithTheirNames) {
  const auto first = open_any();
  const auto second = open_any();
  auto request = child_request("takes_passed_sockets");
  request.listeners = {{"web", first.get()},
                       {"relaunch/listener/http", second.get()}};
  EXPECT_EQ(run_child(std::move(request)).output,
            text::cat("web ", where(first), "\nrelaunch/listener/http ",
                      where(second), "\n0 again\n"));
}

TEST(PassedSockets, AThousandAreTaken) {
  const auto listener = open_any();
  auto request = child_request("takes_passed_sockets");
  std::string expected;
  for (int i = 0; i < 1000; ++i) {
    request.listeners.push_back({text::cat(i), listener.get()});
    text::append(expected, text::cat(i, ' ', where(listener), '\n'));
  }
  EXPECT_EQ(run_child(std::move(request)).output, expected + "0 again\n");
}

TEST(PassedSockets, WhatIsNotTheirMemoryIsAnError) {
  auto request = child_request("takes_passed_sockets");
  request.environment.emplace_back("RELAUNCH_PASSED_SOCKETS=12345678");
  EXPECT_TRUE(run_child(std::move(request))
                  .output.starts_with("cannot take the listeners that were "
                                      "passed: MapViewOfFile"));
}

}  // namespace
}  // namespace relaunch::test
