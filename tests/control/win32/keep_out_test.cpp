// Who is kept out of a control endpoint on Windows.
#include <gtest/gtest.h>

#include "control/served_target.hpp"
#include "win32/win32.hpp"

namespace relaunch::control {
namespace {

bool is_wine() {
  return GetProcAddress(GetModuleHandleW(L"ntdll"), "wine_get_version") !=
         nullptr;
}

TEST(KeptOut, APipeThatSomebodyMadeFirstIsNotJoined) {
  if (is_wine()) GTEST_SKIP() << "Wine 8 ignores that it is the first one";
  test::ScratchFolder scratch;
  const auto folder = scratch / "run";
  const auto name = os::win32::wide(os::endpoint_address(folder));
  const os::Handle squatted{CreateNamedPipeW(
      name.c_str(), PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED, PIPE_TYPE_BYTE,
      PIPE_UNLIMITED_INSTANCES, 4096, 4096, 0, nullptr)};
  ASSERT_TRUE(squatted);
  boost::asio::io_context io;
  FakeTarget target;
  const auto server = Server::open(io, folder, target, {});
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().code(), errc::busy) << server.error().text();
}

TEST(KeptOut, TheLockIsFreeAgainWhenTheInstanceHasEnded) {
  test::ScratchFolder scratch;
  boost::asio::io_context io;
  FakeTarget target;
  for (int i = 0; i != 3; ++i) {
    const auto server = Server::open(io, scratch / "run", target, {});
    EXPECT_TRUE(server) << server.error().text();
  }
}

}  // namespace
}  // namespace relaunch::control
