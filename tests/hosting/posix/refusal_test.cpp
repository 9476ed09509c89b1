// What another system has is refused in one clear line.
#include <gtest/gtest.h>

#include "common/supervisor/listener_service.hpp"

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

}  // namespace
}  // namespace relaunch::test
