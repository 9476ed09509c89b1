// A client that cannot show a failure proves nothing by showing none.
#include "support/load_client.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "support/resets.hpp"

namespace relaunch::test {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using namespace std::chrono_literals;

constexpr auto kLongWait = 20s;

std::string good_answer(std::string_view extra = "") {
  return "HTTP/1.1 200 OK\r\nX-Generation: 7\r\nContent-Length: 5\r\n" +
         std::string(extra) + "\r\nhello";
}

/// Answers each request with the same bytes.
class Server {
 public:
  struct Script {
    std::string bytes = good_answer();
    bool close_after = false;  ///< the connection, after each answer
    bool reset_after = false;  ///< abortively
    bool hold = false;         ///< no answer before release()
  };

  explicit Server(Script script)
      : script_(std::move(script)),
        acceptor_(io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
        gate_(io_) {
    gate_.expires_at(asio::steady_timer::time_point::max());
    if (!script_.hold) gate_.expires_at(asio::steady_timer::time_point::min());
    port_ = acceptor_.local_endpoint().port();
    asio::co_spawn(io_, accept(), asio::detached);
    thread_ = std::thread([this] { io_.run(); });
  }
  ~Server() {
    io_.stop();
    thread_.join();
  }

  std::uint16_t port() const { return port_; }
  void release() {
    asio::post(io_, [this] {
      gate_.expires_at(asio::steady_timer::time_point::min());
    });
  }

 private:
  asio::awaitable<void> accept() {
    for (;;) {
      tcp::socket socket = co_await acceptor_.async_accept(asio::use_awaitable);
      asio::co_spawn(io_, serve(std::move(socket)), asio::detached);
    }
  }

  asio::awaitable<void> serve(tcp::socket socket) {
    std::string request;
    for (;;) {
      request.erase(0, co_await asio::async_read_until(
                           socket, asio::dynamic_buffer(request), "\r\n\r\n",
                           asio::use_awaitable));
      boost::system::error_code opened;
      while (gate_.expiry() > std::chrono::steady_clock::now()) {
        co_await gate_.async_wait(
            asio::redirect_error(asio::use_awaitable, opened));
      }
      co_await asio::async_write(socket, asio::buffer(script_.bytes),
                                 asio::use_awaitable);
      if (script_.reset_after) {
        socket.set_option(asio::socket_base::linger(true, 0));
        socket.close();
      }
      if (script_.close_after || script_.reset_after) co_return;
    }
  }

  Script script_;
  asio::io_context io_{1};
  tcp::acceptor acceptor_;
  asio::steady_timer gate_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

LoadPlan plan_for(std::uint16_t port, Connections connections) {
  LoadPlan plan;
  plan.port = port;
  plan.connections = connections;
  plan.per_second = 500;
  plan.expected = [](std::string_view body) { return body == "hello"; };
  return plan;
}

/// What a client sees until `failures` requests of this kind have failed.
LoadReport run_until_failed(LoadPlan plan, Failure kind) {
  LoadClient client(std::move(plan));
  EXPECT_TRUE(client.wait_until(
      [kind](const LoadReport& report) {
        auto failures = report.failures[static_cast<std::size_t>(kind)];
        if (kind == Failure::reset && !resets_are_told()) {
          failures +=
              report.failures[static_cast<std::size_t>(Failure::closed)];
        }
        return failures >= 3;
      },
      kLongWait))
      << client.report().text();
  return client.stop();
}

class LoadClientBothWays : public testing::TestWithParam<Connections> {};

TEST_P(LoadClientBothWays, CountsGoodAnswersByGeneration) {
  Server server({});
  LoadClient client(plan_for(server.port(), GetParam()));
  EXPECT_TRUE(client.wait_for_answers(50, kLongWait));
  const LoadReport report = client.stop();
  EXPECT_EQ(report.failed(), 0u) << report.text();
  EXPECT_EQ(report.ok, report.due);
  EXPECT_EQ(report.generations.at("7"), report.ok);
  EXPECT_EQ(report.latencies.size(), report.ok);
}

TEST_P(LoadClientBothWays, TellsARefusalFromEverythingElse) {
  std::uint16_t nobody = 0;
  {
    asio::io_context io;
    tcp::acceptor gone(io, {asio::ip::address_v4::loopback(), 0});
    nobody = gone.local_endpoint().port();
  }
  const LoadReport report =
      run_until_failed(plan_for(nobody, GetParam()), Failure::refused);
  EXPECT_EQ(report.ok, 0u);
  EXPECT_EQ(report.failed(), report.due);
  EXPECT_FALSE(report.first_failures.empty());
}

TEST_P(LoadClientBothWays, CountsAConnectionThatWasBrokenOff) {
  Server server({.bytes = "", .reset_after = true});
  run_until_failed(plan_for(server.port(), GetParam()), Failure::reset);
}

TEST_P(LoadClientBothWays, CountsAConnectionClosedWithoutAnAnswer) {
  Server server({.bytes = "", .close_after = true});
  run_until_failed(plan_for(server.port(), GetParam()), Failure::closed);
}

TEST_P(LoadClientBothWays, CountsHalfAnAnswer) {
  std::string half = good_answer();
  half.resize(half.size() - 2);
  Server server({.bytes = half, .close_after = true});
  run_until_failed(plan_for(server.port(), GetParam()), Failure::truncated);
}

TEST_P(LoadClientBothWays, CountsAnAnswerThatNeverComes) {
  Server server({.hold = true});
  LoadPlan plan = plan_for(server.port(), GetParam());
  plan.timeout = 30ms;
  run_until_failed(std::move(plan), Failure::timed_out);
}

TEST_P(LoadClientBothWays, CountsAWrongBodyAndAWrongStatus) {
  Server server({});
  LoadPlan plan = plan_for(server.port(), GetParam());
  plan.expected = [](std::string_view body) { return body == "other"; };
  const LoadReport wrong = run_until_failed(std::move(plan), Failure::wrong);
  EXPECT_NE(wrong.first_failures.at(0).text.find("hello"), std::string::npos);

  Server broken({.bytes = "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"});
  run_until_failed(plan_for(broken.port(), GetParam()), Failure::wrong);
}

TEST_P(LoadClientBothWays, CountsARequestThatCouldNotBeStarted) {
  Server server({.hold = true});
  LoadPlan plan = plan_for(server.port(), GetParam());
  plan.in_flight = 5;
  LoadClient client(std::move(plan));
  EXPECT_TRUE(client.wait_until(
      [](const LoadReport& report) {
        return report.failures[static_cast<std::size_t>(Failure::overrun)] > 2;
      },
      kLongWait));
  server.release();
  const LoadReport report = client.stop();
  EXPECT_GE(report.ok, 5u);
  EXPECT_EQ(report.ok + report.failed(), report.due);
}

TEST_P(LoadClientBothWays, KeepsStartingRequestsWhileTheServerStandsStill) {
  Server server({.hold = true});
  LoadPlan plan = plan_for(server.port(), GetParam());
  plan.per_second = 200;
  LoadClient client(std::move(plan));
  EXPECT_TRUE(client.wait_until(
      [](const LoadReport& report) { return report.due >= 40; }, kLongWait));
  server.release();
  EXPECT_TRUE(client.wait_for_answers(40, kLongWait));
  const LoadReport report = client.stop();
  EXPECT_EQ(report.failed(), 0u) << report.text();
  // 40 requests that were due 5 ms apart: half of them waited 100 ms or more.
  EXPECT_GE(report.percentile(100), 190ms);
  EXPECT_GE(report.longest_quiet, 190ms);
}

INSTANTIATE_TEST_SUITE_P(Both, LoadClientBothWays,
                         testing::Values(Connections::fresh, Connections::kept),
                         [](const auto& way) {
                           return way.param == Connections::fresh ? "Fresh"
                                                                  : "Kept";
                         });

TEST(LoadClientKept, UsesAFewConnectionsInTurn) {
  Server server({});
  LoadClient client(plan_for(server.port(), Connections::kept));
  EXPECT_TRUE(client.wait_for_answers(100, kLongWait));
  const LoadReport report = client.stop();
  EXPECT_EQ(report.failed(), 0u) << report.text();
  EXPECT_GE(report.connections, 8u);
  EXPECT_LT(report.connections, report.ok / 2);
}

TEST(LoadClientKept, LeavesAConnectionWhoseAnswerSaysClose) {
  Server server(
      {.bytes = good_answer("Connection: close\r\n"), .close_after = true});
  LoadClient client(plan_for(server.port(), Connections::kept));
  EXPECT_TRUE(client.wait_for_answers(50, kLongWait));
  const LoadReport report = client.stop();
  EXPECT_EQ(report.failed(), 0u) << report.text();
  EXPECT_EQ(report.connections, report.due);
}

TEST(LoadClientKept, DoesNotHideAKeptConnectionThatWasClosedUnasked) {
  Server server({.close_after = true});
  const LoadReport report = run_until_failed(
      plan_for(server.port(), Connections::kept), Failure::closed);
  EXPECT_GE(report.ok, 3u);
}

}  // namespace
}  // namespace relaunch::test
