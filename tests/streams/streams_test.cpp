// Streams that cross from generation to generation while both ends write: each
// byte arrives once and where it belongs.
#include <gtest/gtest.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <future>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "common/base/text.hpp"
#include "common/os/listener.hpp"
#include "streams/client.hpp"
#include "support/program_under_test.hpp"
#include "support/scratch_folder.hpp"

namespace relaunch::test {
namespace {

namespace net = boost::asio;
using net::ip::tcp;

constexpr auto kStep = ProgramUnderTest::kStep;

/// How the server is started, and whether its clients come to a path.
class Streams : public testing::TestWithParam<std::tuple<bool, bool>> {
 protected:
  Streams()
      : server_(ECHO_PROGRAM, std::get<0>(GetParam()),
                std::get<1>(GetParam())
                    ? std::vector{text::cat("echo=unix://", folder_ / "echo")}
                    : std::vector<std::string>{}) {
    os::start_sockets().value();
    EXPECT_TRUE(server_.wait_committed(1)) << server_.process().output();
  }

  void order_upgrade() {
    tcp::socket order{io_};
    order.connect({net::ip::address_v4::loopback(),
                   server_.port_in("listening orders ")});
  }
  template <typename What>
  void for_each(const What& what) {
    net::post(io_, [this, what] {
      for (std::size_t i = 0; i < clients_.size(); ++i) what(*clients_[i], i);
    });
  }
  bool let_go() {
    for_each([](StreamClient& client, std::size_t) { client.let_go(); });
    return true;
  }
  /// The sum over all connections that crossed.
  static std::uint64_t carried(const std::vector<std::string>& lines,
                               std::string_view key) {
    std::uint64_t sum = 0;
    for (const auto& line : lines) {
      const auto at = line.find(key);
      if (!line.starts_with("gave ") || at == line.npos) continue;
      sum += std::stoull(line.substr(at + key.size()));
    }
    return sum;
  }

  net::io_context io_{1};
  const ScratchFolder folder_;
  ProgramUnderTest server_;
  std::vector<std::unique_ptr<StreamClient>> clients_;
};

TEST_P(Streams, CrossByteByByteWithAllBuffersFull) {
  constexpr std::uint64_t kClients = 6;
  constexpr int kUpgrades = 5;
  // How full the buffers are when an upgrade comes is up to the system.
  constexpr int kMaxUpgrades = 50;
  const std::uint64_t seed = std::random_device{}() % 1'000'000;
  SCOPED_TRACE(text::cat("seed ", seed));
  const Address echo =
      Address::parse(server_.address_in("listening echo ")).value();
  for (std::uint64_t i = 0; i < kClients; ++i) {
    clients_.push_back(
        std::make_unique<StreamClient>(io_, echo, seed * kClients + i));
  }
  auto talk = std::async(std::launch::async, [this] { io_.run(); });

  const auto carried_both = [this] {
    const auto lines = server_.process().lines();
    return carried(lines, "to-be-written=") > 0 &&
           carried(lines, "unread=") > 0;
  };
  int generation = 1;
  while (generation <= kUpgrades ||
         (generation <= kMaxUpgrades && !carried_both())) {
    ++generation;
    // The others are read all the time, so that their bytes are on the way.
    for_each([generation](StreamClient& client, std::size_t i) {
      if ((i + static_cast<std::size_t>(generation)) % 2 == 0) client.hold();
    });
    const std::size_t before = server_.process().lines().size();
    order_upgrade();
    const bool drains =
        server_.process().wait_for_line_after(before, "draining", kStep) &&
        // What is being written at that moment has to end first.
        let_go() && server_.wait_committed(generation) && server_.wait_alone();
    EXPECT_TRUE(drains) << server_.process().output();
    if (!drains) break;
  }
  for_each([](StreamClient& client, std::size_t) { client.finish(); });
  EXPECT_EQ(talk.wait_for(kStep), std::future_status::ready);
  io_.stop();
  talk.wait();

  std::uint64_t bytes = 0;
  for (const auto& client : clients_) {
    EXPECT_EQ(client->failure(), "") << server_.process().output();
    EXPECT_EQ(client->received(), client->sent());
    bytes += client->sent();
  }
  RecordProperty("bytes", text::cat(bytes));
  EXPECT_TRUE(server_.stop());
  EXPECT_TRUE(carried_both()) << server_.process().output();
}

std::string name_of(
    const testing::TestParamInfo<std::tuple<bool, bool>>& each) {
  return text::cat(std::get<0>(each.param) ? "Supervised" : "Library",
                   std::get<1>(each.param) ? "ToAPath" : "");
}

INSTANTIATE_TEST_SUITE_P(
    , Streams,
    testing::Combine(testing::Bool(), testing::Values(STREAMS_COME_TO_A_PATH)),
    name_of);

}  // namespace
}  // namespace relaunch::test
