// Listeners by the systemd protocol.
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "common/base/address.hpp"
#include "common/base/text.hpp"
#include "common/os/channel.hpp"
#include "common/os/listener.hpp"
#include "common/os/process.hpp"
#include "support/child.hpp"
#include "support/event_wait.hpp"

namespace relaunch::test {
namespace {

os::Socket open_any() {
  return os::open_listener(Address::parse("tcp://127.0.0.1:0").value()).value();
}

std::string where(native_socket listener) {
  return std::string{os::local_address(listener).value().text()};
}

std::string variable(std::string_view name) {
  return os::environment_variable(name).value_or("unset");
}

// What sd_listen_fds() looks at, in its words.
RELAUNCH_CHILD_MAIN(tells_listeners) {
  say(variable("LISTEN_PID") == std::to_string(os::own_process_id())
          ? "for this process"
          : "for process " + variable("LISTEN_PID"));
  say(variable("LISTEN_FDNAMES"));
  const int count = std::atoi(variable("LISTEN_FDS").c_str());
  for (int number = 3; number < 3 + count; ++number) say(where(number));
  for (const auto& name : args) say(where(passed_handle(name)));
  return 0;
}

TEST(SocketActivation, ListenersArriveInOrderWithNamesAndTheChildsOwnNumber) {
  const auto first = open_any();
  const auto second = open_any();
  auto request = child_request("tells_listeners");
  request.environment.push_back("LISTEN_FDS=7");  // what we were given
  request.environment.push_back("LISTEN_PID=1");
  request.listeners = {{"https", second.get()}, {"http", first.get()}};
  EXPECT_EQ(run_child(std::move(request)).output,
            text::cat("for this process\nhttps:http\n", where(second.get()),
                      "\n", where(first.get()), "\n"));
}

TEST(SocketActivation, OtherHandlesComeAfterTheListeners) {
  const auto listener = open_any();
  const auto other = open_any();
  auto request = child_request("tells_listeners", {"RELAUNCH_TEST_OTHER"});
  request.listeners = {{"http", listener.get()}};
  request.handles = {{"RELAUNCH_TEST_OTHER", other.get()}};
  EXPECT_EQ(run_child(std::move(request)).output,
            text::cat("for this process\nhttp\n", where(listener.get()), "\n",
                      where(other.get()), "\n"));
}

TEST(SocketActivation, NameThatTheProtocolCannotTellIsRefused) {
  const auto listener = open_any();
  for (const char* name : {"", "a:b", "a b", "line\nend"}) {
    auto request = child_request("tells_listeners");
    request.listeners = {{name, listener.get()}};
    const auto launched = os::launch(request);
    ASSERT_FALSE(launched) << name;
    EXPECT_EQ(launched.error().code(), make_error_code(errc::invalid_argument));
  }
}

RELAUNCH_CHILD_MAIN(waits_for_a_signal) {
  say("waits");
  for (;;) ::pause();
}

TEST(StopSignal, EndsAProgramThatIsToldByItsName) {
  auto child = os::launch(child_request("waits_for_a_signal")).value();
  const KilledAtEnd killed{child};
  ASSERT_TRUE(child.ask_to_stop("SIGUSR1"));
  ASSERT_TRUE(wait_for_end(child));
  EXPECT_EQ(child.exit_status().code, static_cast<unsigned>(SIGUSR1));
}

TEST(StopSignal, NameThatIsNoneIsRefusedAndNothingIsSent) {
  EXPECT_TRUE(os::is_stop_signal("INT"));
  for (const char* name : {"", "SIG", "KILL", "term", "15"}) {
    EXPECT_FALSE(os::is_stop_signal(name)) << name;
  }
  auto child = os::launch(child_request("waits_for_a_signal")).value();
  const KilledAtEnd killed{child};
  const auto asked = child.ask_to_stop("KILL");
  ASSERT_FALSE(asked);
  EXPECT_EQ(asked.error().code(), make_error_code(errc::invalid_argument));
  EXPECT_FALSE(child.gone());
}

}  // namespace
}  // namespace relaunch::test
