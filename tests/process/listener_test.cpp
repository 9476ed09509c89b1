#include "common/os/listener.hpp"

#include <gtest/gtest.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <optional>
#include <string>
#include <vector>

#include "common/base/text.hpp"
#include "common/os/channel.hpp"
#include "support/child.hpp"
#include "support/event_wait.hpp"
#include "support/system_facts.hpp"

namespace relaunch::test {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

Address address(std::string_view text) { return Address::parse(text).value(); }

os::Socket open_any() {
  return os::open_listener(address("tcp://127.0.0.1:0")).value();
}

Address where(const os::Socket& listener) {
  return os::local_address(listener.get()).value();
}

tcp::socket connect_to(asio::io_context& io, const Address& where) {
  tcp::socket socket{io};
  std::optional<boost::system::error_code> result;
  socket.async_connect(
      {asio::ip::address_v4::loopback(), where.port()},
      [&](boost::system::error_code failure) { result = failure; });
  if (!wait_until(io, [&] { return result.has_value(); })) {
    socket.close();
    wait_until(io, [&] { return result.has_value(); });
  }
  EXPECT_FALSE(*result) << result->message();
  return socket;
}

std::string read_to_end(asio::io_context& io, tcp::socket& socket) {
  std::string all;
  std::optional<boost::system::error_code> result;
  asio::async_read(socket, asio::dynamic_buffer(all),
                   [&](boost::system::error_code failure, std::size_t) {
                     result = failure;
                   });
  if (!wait_until(io, [&] { return result.has_value(); })) {
    socket.close();
    wait_until(io, [&] { return result.has_value(); });
  }
  return *result == asio::error::eof ? all
                                     : all + "<" + result->message() + ">";
}

// Blocks only for a connection that is in the queue already.
void serve_one(native_socket listener, std::string_view answer) {
  os::Socket accepted = accept_one(listener);
  ASSERT_TRUE(accepted);
  asio::io_context io;
  tcp::socket socket{io};
  socket.assign(tcp::v4(), accepted.release());
  asio::write(socket, asio::buffer(answer.data(), answer.size()));
}

TEST(Listener, ListensWhereItSaysAndTellsThePortBehindZero) {
  const auto listener = open_any();
  EXPECT_NE(where(listener).port(), 0);
  EXPECT_EQ(where(listener).text(),
            text::cat("tcp://127.0.0.1:", where(listener).port()));
  asio::io_context io;
  auto client = connect_to(io, where(listener));
  serve_one(listener.get(), "hello");
  EXPECT_EQ(read_to_end(io, client), "hello");
}

TEST(Listener, AddressThatIsTakenIsNamedInTheError) {
  const auto first = open_any();
  const auto before = list_open_handles().size();
  const auto second = os::open_listener(where(first));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), std::errc::address_in_use);
  EXPECT_TRUE(second.error().text().starts_with(
      text::cat("cannot listen on ", where(first).text(), ": bind: ")))
      << second.error().text();
  EXPECT_EQ(list_open_handles().size(), before);
}

TEST(Listener, AddressThatIsNotOursIsAnError) {
  // 192.0.2.0/24 is for documentation and belongs to nobody.
  const auto listener = os::open_listener(address("tcp://192.0.2.1:0"));
  ASSERT_FALSE(listener);
  EXPECT_EQ(listener.error().code(), std::errc::address_not_available);
  EXPECT_TRUE(listener.error().text().starts_with(
      "cannot listen on tcp://192.0.2.1:0: bind: "))
      << listener.error().text();
}

TEST(Listener, AddressIsFreeAgainRightAfterItsLastConnections) {
  asio::io_context io;
  Address same = address("tcp://127.0.0.1:0");
  {
    const auto listener = open_any();
    same = where(listener);
    auto client = connect_to(io, same);
    serve_one(listener.get(), "bye");  // this side closes first: TIME_WAIT
    EXPECT_EQ(read_to_end(io, client), "bye");
  }
  EXPECT_TRUE(os::open_listener(same));
}

TEST(Listener, BothFamiliesCanHaveTheSamePort) {
  const auto v4 = os::open_listener(address("tcp://0.0.0.0:0")).value();
  const auto v6 =
      os::open_listener(address(text::cat("tcp://[::]:", where(v4).port())));
  if (!v6 && v6.error().code() == std::errc::address_family_not_supported) {
    GTEST_SKIP() << "this machine has no IPv6";
  }
  EXPECT_TRUE(v6) << v6.error().text();
}

TEST(Listener, CheckAcceptsWhatWasAnnouncedAndNothingElse) {
  const auto listener = open_any();
  EXPECT_TRUE(os::check_listener(listener.get(), where(listener)));
  EXPECT_TRUE(os::check_listener(listener.get(), address("tcp://127.0.0.1:0")));

  const auto another = open_any();
  EXPECT_FALSE(os::check_listener(listener.get(), where(another)));
  EXPECT_FALSE(os::check_listener(listener.get(), address("tcp://0.0.0.0:0")));
  EXPECT_FALSE(os::check_listener(listener.get(), address("tcp://[::1]:0")));

  asio::io_context io;
  auto client = connect_to(io, where(listener));
  EXPECT_FALSE(
      os::check_listener(client.native_handle(), address("tcp://127.0.0.1:0")));
  EXPECT_FALSE(os::check_listener(kNoSocket, where(listener)));
}

TEST(Listener, ListensAgainAtItsAddressAfterItWasShutDown) {
  const auto listener = open_any();
  const Address before = where(listener);
  asio::io_context io;
  EXPECT_TRUE(os::is_listening(listener.get()).value());
  shut_down(listener.get());
  if (!os::is_listening(listener.get()).value()) {
    const auto again = os::listen_again(listener.get(), before);
    ASSERT_TRUE(again) << again.error().text();
  }
  EXPECT_TRUE(os::is_listening(listener.get()).value());
  EXPECT_EQ(where(listener).text(), before.text());
  auto client = connect_to(io, before);
  serve_one(listener.get(), "again");
  EXPECT_EQ(read_to_end(io, client), "again");
}

TEST(Listener, WhatIsNoSocketIsAnErrorAndNotListening) {
  EXPECT_FALSE(os::is_listening(kNoSocket));
  EXPECT_FALSE(os::listen_again(kNoSocket, address("tcp://127.0.0.1:0")));
}

TEST(Listener, QueueHoldsConnectionsThatNobodyAcceptsYet) {
  const auto listener = open_any();
  asio::io_context io;
  std::vector<tcp::socket> clients;
  for (int i = 0; i < 100; ++i) {
    clients.push_back(connect_to(io, where(listener)));
  }
  for (auto& client : clients) {
    serve_one(listener.get(), "x");
    EXPECT_EQ(read_to_end(io, client), "x");
  }
}

RELAUNCH_CHILD_MAIN(serves_three) {
  asio::io_context io;
  os::Channel channel{io, inherited_channel_end()};
  std::optional<os::Socket> listener;
  channel.start(
      [&](os::Received message) {
        listener = std::move(std::get<os::Socket>(message.handles.at(0)));
      },
      [](Error) {});
  if (!wait_until(io, [&] { return listener.has_value(); })) return 1;
  if (!os::check_listener(listener->get(), address("tcp://127.0.0.1:0"))) {
    return 2;
  }
  for (int i = 0; i < 3; ++i) serve_one(listener->get(), "by the child");
  return ::testing::Test::HasFailure() ? 3 : 0;
}

TEST(Listener, SharedWithAChildThatServesWhatWaitedInTheQueue) {
  const auto listener = open_any();
  asio::io_context io;
  std::vector<tcp::socket> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(connect_to(io, where(listener)));
  }

  auto child = start_linked(io, child_request("serves_three"));
  const KilledAtEnd killed{child.process};
  child.channel.set_receiver(child.process);
  bool sent = false;
  child.channel.start([](os::Received) {}, [](Error) {});
  child.channel.send({"listener", {}, {}, 0}, {os::SendSocket{listener.get()}},
                     [&](std::optional<Error> failure) {
                       EXPECT_FALSE(failure);
                       sent = true;
                     });
  ASSERT_TRUE(wait_until(io, [&] { return sent; }));
  ASSERT_TRUE(wait_for_end(child.process));
  EXPECT_EQ(child.process.exit_status().text(), "exit code 0");
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(read_to_end(io, clients[i]), "by the child");
  }
  // Its end has not closed ours, and what it left is still in the queue.
  serve_one(listener.get(), "by the parent");
  EXPECT_EQ(read_to_end(io, clients[3]), "by the parent");
}

}  // namespace
}  // namespace relaunch::test
