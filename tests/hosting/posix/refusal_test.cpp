// What another system has is refused in one clear line.
#include <gtest/gtest.h>

#include "common/supervisor/console_stop.hpp"
#include "common/supervisor/listener_service.hpp"
#include "common/supervisor/service_host.hpp"

namespace relaunch::test {
namespace {

TEST(NotHere, ListenersAreNotGivenByTheProtocolForWindows) {
  boost::asio::io_context io;
  const auto service = supervisor::ListenerService::open(io, {});
  ASSERT_FALSE(service);
  EXPECT_EQ(service.error().code(), std::errc::not_supported);
  EXPECT_EQ(service.error().text(),
            "cannot give listeners by the protocol of systemfd: it is for "
            "Windows, here a program gets them as LISTEN_FDS: Operation not "
            "supported (generic:95)");
}

TEST(NotHere, ServicesOfWindowsAreRefusedWithTheWayOut) {
  for (const auto& refused :
       {os::can_have_services(), os::install_service({}),
        os::uninstall_service("x"), os::start_service("x"),
        os::order_service("x", os::ServiceOrder::stop),
        supervisor::run_service_host("x", {})}) {
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().text(),
              "no Windows service manager on this system: let systemd run it, "
              "see packaging/systemd: Operation not supported (generic:95)");
  }
}

TEST(NotHere, NoProgramIsStoppedByAConsole) {
  boost::asio::io_context io;
  const auto stop = supervisor::ConsoleStop::start(
      io, {}, os::ConsoleEvent::ctrl_break, [](const Result<void>&) {});
  ASSERT_FALSE(stop);
  EXPECT_EQ(stop.error().text(),
            "cannot stop a program by its console: it is for Windows, here a "
            "program is stopped by a signal: Operation not supported "
            "(generic:95)");
}

}  // namespace
}  // namespace relaunch::test
