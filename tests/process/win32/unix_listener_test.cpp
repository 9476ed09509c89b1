// Unix listeners cannot be had here: why is in docs/windows.md.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <optional>

#include "common/handover/listeners.hpp"
#include "common/os/listener.hpp"
#include "relaunch/asio.hpp"
#include "support/event_wait.hpp"

namespace relaunch::test {
namespace {

using testing::HasSubstr;

os::Socket open_tcp() {
  EXPECT_TRUE(os::start_sockets());
  return os::open_listener(Address::parse("tcp://127.0.0.1:0").value()).value();
}

TEST(UnixListener, IsRefusedWithAReason) {
  const auto tcp = open_tcp();
  for (const char* text :
       {"unix:///run/app.sock", "unix-seqpacket:///run/app.sock",
        "unix-datagram:///run/app.sock", "unix-abstract://app"}) {
    const auto address = Address::parse(text).value();
    std::string file = "nonsense";
    const auto listener = os::open_listener(address, &file);
    ASSERT_FALSE(listener);
    EXPECT_EQ(listener.error().code(), std::errc::address_family_not_supported);
    EXPECT_THAT(listener.error().text(),
                HasSubstr("on Windows a listener is a TCP one"));
    EXPECT_EQ(file, "");
    EXPECT_FALSE(os::check_listener(tcp.get(), address));
    EXPECT_FALSE(os::listen_again(tcp.get(), address));
  }
}

TEST(LocalAcceptor, CanOnlyReportAnError) {
  using boost::asio::local::stream_protocol;
  const auto tcp = open_tcp();
  const auto address = Address::parse("unix:///run/app.sock").value();
  AcceptHooks hooks;
  const auto impl = std::make_shared<Listener::Impl>(Listener::Impl{
      "local", address, address.text(), false, os::Socket(tcp.get()),
      [&hooks](AcceptHooks given) { hooks = std::move(given); }});
  boost::asio::io_context io;
  std::optional<boost::system::error_code> ended;
  {
    relaunch::asio::LocalAcceptor acceptor{io, Listener{impl}};
    acceptor.async_accept([&](boost::system::error_code error,
                              stream_protocol::socket) { ended = error; });
    hooks.resume();
    EXPECT_TRUE(wait_until(io, [&] { return ended.has_value(); }));
  }
  run_ready(io);
  static_cast<void>(impl->socket.release());  // the test's own
  ASSERT_TRUE(ended);
  EXPECT_TRUE(*ended);
}

}  // namespace
}  // namespace relaunch::test
