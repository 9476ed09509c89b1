#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <list>
#include <memory>
#include <optional>
#include <vector>

#include "common/handover/listeners.hpp"
#include "common/os/listener.hpp"
#include "relaunch/asio.hpp"
#include "support/event_wait.hpp"

namespace relaunch::test {
namespace {

namespace net = boost::asio;
using boost::system::error_code;
using net::ip::tcp;

/// A listening socket, and the hooks of each acceptor around it: what the
/// library would hold. Several share the socket as generations do.
class AcceptorTest : public testing::Test {
 protected:
  struct Server {
    std::shared_ptr<Listener::Impl> impl;
    AcceptHooks hooks;
    std::optional<relaunch::asio::Acceptor> acceptor;
    std::list<tcp::socket> accepted;
    std::vector<error_code> failed;
  };

  void SetUp() override {
    ASSERT_TRUE(os::start_sockets());
    const auto any = Address::parse("tcp://127.0.0.1:0").value();
    socket_ = os::open_listener(any).value();
    port_ = os::local_address(socket_.get())->port();
  }
  void TearDown() override {
    for (auto& server : servers_) {
      server->acceptor.reset();
      // Its socket belongs to the fixture.
      server->impl->socket.release();
    }
    run_ready(io_);
  }

  Server& start_server() {
    const auto asked = Address::parse("tcp://127.0.0.1:0").value();
    auto& server = *servers_.emplace_back(std::make_unique<Server>());
    server.impl = std::make_shared<Listener::Impl>(Listener::Impl{
        "http", asked, asked.text(), false, os::Socket(socket_.get()),
        [&server](AcceptHooks hooks) { server.hooks = std::move(hooks); }});
    server.acceptor.emplace(io_, Listener(server.impl));
    return server;
  }

  /// Accepts for ever, until it fails.
  static void serve(Server& server) {
    server.acceptor->async_accept(
        [&server](error_code error, tcp::socket peer) {
          if (error) return server.failed.push_back(error);
          server.accepted.push_back(std::move(peer));
          serve(server);
        });
  }

  void connect() {
    clients_.emplace_back(io_).connect(
        {net::ip::address_v4::loopback(), port_});
  }

  bool pause(Server& server) { return stop(server.hooks.pause); }
  bool close(Server& server) { return stop(server.hooks.close); }
  bool stop(const std::function<void(std::function<void()>)>& hook) {
    bool done = false;
    hook([&done] { done = true; });
    return wait_until(io_, [&done] { return done; });
  }

  bool wait_for(const Server& server, std::size_t count) {
    return wait_until(io_, [&] { return server.accepted.size() >= count; });
  }

  net::io_context io_;
  os::Socket socket_;
  std::uint16_t port_ = 0;
  std::vector<std::unique_ptr<Server>> servers_;
  std::list<tcp::socket> clients_;
};

TEST_F(AcceptorTest, AcceptsNothingBeforeItMay) {
  auto& server = start_server();
  serve(server);
  connect();
  run_ready(io_);
  EXPECT_TRUE(server.accepted.empty());
  server.hooks.resume();
  EXPECT_TRUE(wait_for(server, 1));
}

TEST_F(AcceptorTest, KeepsTheContextRunningWhilePaused) {
  auto& server = start_server();
  serve(server);
  run_ready(io_);
  EXPECT_FALSE(io_.stopped());
  server.hooks.resume();
  run_ready(io_);
  ASSERT_TRUE(pause(server));
  run_ready(io_);
  EXPECT_FALSE(io_.stopped());
  EXPECT_TRUE(server.failed.empty());
}

TEST_F(AcceptorTest, GoesOnAfterAPauseWithWhatWaitedMeanwhile) {
  auto& server = start_server();
  serve(server);
  server.hooks.resume();
  connect();
  ASSERT_TRUE(wait_for(server, 1));
  ASSERT_TRUE(pause(server));
  connect();
  run_ready(io_);
  EXPECT_EQ(server.accepted.size(), 1u);
  server.hooks.resume();
  EXPECT_TRUE(wait_for(server, 2));
}

TEST_F(AcceptorTest, LeavesTheSocketToAnotherGenerationWhilePaused) {
  auto& incumbent = start_server();
  auto& successor = start_server();
  serve(incumbent);
  serve(successor);
  incumbent.hooks.resume();
  connect();
  ASSERT_TRUE(wait_for(incumbent, 1));

  ASSERT_TRUE(pause(incumbent));
  successor.hooks.resume();
  connect();
  ASSERT_TRUE(wait_for(successor, 1));

  ASSERT_TRUE(pause(successor));
  incumbent.hooks.resume();
  connect();
  EXPECT_TRUE(wait_for(incumbent, 2));
  EXPECT_EQ(successor.accepted.size(), 1u);
}

TEST_F(AcceptorTest, LosesNoConnectionHoweverOftenTheTurnIsPassed) {
  auto& left = start_server();
  auto& right = start_server();
  serve(left);
  serve(right);
  constexpr std::size_t kTurns = 200;
  for (std::size_t turn = 0; turn < kTurns; ++turn) {
    auto& holder = turn % 2 == 0 ? left : right;
    holder.hooks.resume();
    run_ready(io_);
    connect();
    ASSERT_TRUE(pause(holder));
  }
  left.hooks.resume();
  EXPECT_TRUE(wait_until(io_, [&] {
    return left.accepted.size() + right.accepted.size() == kTurns;
  }));
}

TEST_F(AcceptorTest, LetsTheContextRunOutWhenTheListenerIsGivenUp) {
  auto& server = start_server();
  serve(server);
  serve(server);
  server.hooks.resume();
  run_ready(io_);
  ASSERT_TRUE(pause(server));
  ASSERT_TRUE(close(server));
  run_ready(io_);
  EXPECT_EQ(server.failed.size(), 2u);
  for (const auto& failure : server.failed) {
    EXPECT_EQ(failure, net::error::operation_aborted);
  }
  EXPECT_TRUE(io_.stopped());
}

TEST_F(AcceptorTest, ClosesNothingThatOthersMayStillServe) {
  auto& server = start_server();
  auto& other = start_server();
  serve(server);
  server.hooks.resume();
  run_ready(io_);
  ASSERT_TRUE(close(server));
  connect();
  serve(other);
  other.hooks.resume();
  EXPECT_TRUE(wait_for(other, 1));
}

TEST_F(AcceptorTest, FailsAtOnceAfterTheListenerWasGivenUp) {
  auto& server = start_server();
  ASSERT_TRUE(close(server));
  serve(server);
  run_ready(io_);
  ASSERT_EQ(server.failed.size(), 1u);
  EXPECT_EQ(server.failed.front(), net::error::operation_aborted);
}

TEST_F(AcceptorTest, IsClosedWithoutAContextThatRunsOnceItHasBeenClosed) {
  auto& server = start_server();
  ASSERT_TRUE(close(server));
  server.acceptor.reset();
  bool done = false;
  server.hooks.close([&done] { done = true; });
  EXPECT_TRUE(done);
}

TEST_F(AcceptorTest, EndsWhatWaitsWhenItIsDestroyed) {
  auto& server = start_server();
  serve(server);
  server.hooks.resume();
  run_ready(io_);
  server.acceptor.reset();
  EXPECT_TRUE(wait_until(io_, [&] { return server.failed.size() == 1; }));
  run_ready(io_);
  EXPECT_TRUE(io_.stopped());
  server.hooks.resume();  // the library does not know yet
  run_ready(io_);
}

TEST_F(AcceptorTest, CancelsOneOfThoseThatWait) {
  auto& server = start_server();
  net::cancellation_signal signal;
  std::optional<error_code> ended;
  server.acceptor->async_accept(net::bind_cancellation_slot(
      signal.slot(),
      [&ended](error_code error, tcp::socket) { ended = error; }));
  serve(server);
  server.hooks.resume();
  run_ready(io_);
  signal.emit(net::cancellation_type::total);
  ASSERT_TRUE(wait_until(io_, [&] { return ended.has_value(); }));
  EXPECT_EQ(*ended, net::error::operation_aborted);
  connect();
  EXPECT_TRUE(wait_for(server, 1));
}

TEST_F(AcceptorTest, KeepsAConnectionThatCameWhenNobodyWaitedAnyMore) {
  auto& server = start_server();
  net::cancellation_signal signal;
  std::optional<error_code> ended;
  server.acceptor->async_accept(net::bind_cancellation_slot(
      signal.slot(),
      [&ended](error_code error, tcp::socket) { ended = error; }));
  server.hooks.resume();
  run_ready(io_);
  connect();
  signal.emit(net::cancellation_type::total);
  ASSERT_TRUE(wait_until(io_, [&] { return ended.has_value(); }));
  ASSERT_TRUE(pause(server));
  server.hooks.resume();
  // Whoever won, the client is served.
  if (*ended) {
    serve(server);
    EXPECT_TRUE(wait_for(server, 1));
  }
}

}  // namespace
}  // namespace relaunch::test
