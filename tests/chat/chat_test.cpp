// Connections that live longer than the server that accepted them: whatever is
// said while it is replaced again and again comes once, whole and in order.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <charconv>
#include <future>
#include <map>
#include <random>

#include "common/base/text.hpp"
#include "common/os/listener.hpp"
#include "support/program_under_test.hpp"

namespace relaunch::test {
namespace {

namespace net = boost::asio;
using net::ip::tcp;
using std::chrono::milliseconds;

constexpr auto kTuple = net::as_tuple(net::use_awaitable);
constexpr milliseconds kStep = ProgramUnderTest::kStep;

/// One that talks as long as it is let, and listens to what all say.
class Talker {
 public:
  Talker(net::io_context& io, std::uint16_t port, int number,
         const std::atomic<bool>& enough)
      : socket_(io), number_(number), enough_(enough), random_(number) {
    socket_.connect({net::ip::address_v4::loopback(), port});
    socket_.set_option(tcp::no_delay{true});
    net::co_spawn(io, talk(), net::detached);
  }

  const std::string& failure() const { return failure_; }
  bool done() const { return done_; }
  std::uint64_t said() const { return said_; }
  std::uint64_t heard() const { return heard_; }

 private:
  net::awaitable<void> talk() {
    while (!enough_ && failure_.empty()) {
      // Several at once, so that some are on the way at any moment, and a part
      // of the next, which the server has read and cannot use yet.
      std::string lines;
      const int many = 1 + static_cast<int>(random_() % 4);
      for (int i = 0; i < many; ++i) lines += next_line();
      const std::string next = next_line();
      const std::size_t part = 1 + random_() % (next.size() - 1);
      co_await send(lines + next.substr(0, part));
      while (failure_.empty() && own_ + 1 < said_) co_await receive();
      co_await send(next.substr(part));
    }
    while (failure_.empty() && own_ < said_) co_await receive();
    done_ = true;
  }

  std::string next_line() {
    return text::cat(number_, ' ', said_++, ' ',
                     std::string(random_() % 300, 'x'), '\n');
  }

  net::awaitable<void> send(std::string bytes) {
    while (!bytes.empty() && failure_.empty()) {
      const std::size_t piece = 1 + random_() % bytes.size();
      const auto [error, size] =
          co_await net::async_write(socket_, net::buffer(bytes, piece), kTuple);
      if (error) failure_ = "cannot send: " + error.message();
      bytes.erase(0, size);
    }
  }

  net::awaitable<void> receive() {
    std::array<char, 700> bytes{};
    const auto [error, size] = co_await socket_.async_read_some(
        net::buffer(bytes, 1 + random_() % bytes.size()), kTuple);
    if (error) {
      failure_ = "cannot receive: " + error.message();
      co_return;
    }
    input_.append(bytes.data(), size);
    for (auto end = input_.find('\n'); end != input_.npos;
         end = input_.find('\n')) {
      hear(input_.substr(0, end));
      input_.erase(0, end + 1);
    }
  }

  // "somebody: 3 17 xxx"
  void hear(const std::string& line) {
    constexpr std::string_view kNick = "somebody: ";
    if (!line.starts_with(kNick)) {
      failure_ = "not a line that anybody said: " + line;
      return;
    }
    int who = -1;
    std::uint64_t number = 0;
    const char* const end = line.data() + line.size();
    const auto first = std::from_chars(line.data() + kNick.size(), end, who);
    std::from_chars(first.ptr + 1, end, number);
    // Others may have talked before this one came.
    const auto [expected, is_new] = next_.try_emplace(who, number);
    if (number != expected->second) {
      failure_ = text::cat("of ", who, " expected line ", expected->second,
                           ", came: ", line);
    }
    ++expected->second;
    ++heard_;
    if (who == number_) own_ = expected->second;
  }

  tcp::socket socket_;
  const int number_;
  const std::atomic<bool>& enough_;
  std::minstd_rand random_;
  std::string input_;
  std::map<int, std::uint64_t> next_;
  std::uint64_t said_ = 0;
  std::uint64_t own_ = 0;
  std::uint64_t heard_ = 0;
  std::string failure_;
  bool done_ = false;
};

class Chat : public testing::TestWithParam<bool> {
 protected:
  Chat() : server_(CHAT, GetParam()) {
    port_ = server_.port_in("generation: address=");
    EXPECT_TRUE(server_.wait_committed(1)) << server_.process().output();
  }

  ProgramUnderTest server_;
  std::uint16_t port_ = 0;
};

TEST_P(Chat, EveryoneIsKeptThroughManyUpgrades) {
  constexpr int kTalkers = 8;
  ASSERT_TRUE(os::start_sockets());
  net::io_context io{1};
  std::atomic<bool> enough{false};
  std::vector<std::unique_ptr<Talker>> talkers;
  for (int i = 0; i < kTalkers; ++i) {
    talkers.push_back(std::make_unique<Talker>(io, port_, i, enough));
  }
  // It lives as long as the others, and is heard by whichever generation has
  // it at that moment.
  tcp::socket orders{io};
  orders.connect({net::ip::address_v4::loopback(), port_});
  auto talk = std::async(std::launch::async, [&io] { io.run(); });
  net::write(orders, net::buffer(std::string_view{"/join control\n"}));

  for (int generation = 2; generation < 2 + UPGRADES_IN_A_ROW; ++generation) {
    net::write(orders, net::buffer(std::string_view{"/update\n"}));
    if (!server_.wait_committed(generation)) break;
    ASSERT_TRUE(server_.wait_alone()) << server_.process().output();
  }
  enough = true;
  // One that misses a line of its own waits for ever.
  EXPECT_EQ(talk.wait_for(kStep), std::future_status::ready);
  io.stop();
  talk.wait();

  std::uint64_t said = 0;
  for (const auto& talker : talkers) {
    EXPECT_EQ(talker->failure(), "");
    EXPECT_TRUE(talker->done()) << "a line of its own never came back";
    said += talker->said();
    EXPECT_GT(talker->heard(), 0u);
  }
  EXPECT_GT(said, 8u * UPGRADES_IN_A_ROW);
  RecordProperty("lines", static_cast<int>(said));
  EXPECT_TRUE(server_.wait_committed(1 + UPGRADES_IN_A_ROW))
      << server_.process().output();
  EXPECT_TRUE(server_.stop());
}

INSTANTIATE_TEST_SUITE_P(, Chat, testing::Bool(), [](const auto& supervised) {
  return supervised.param ? "Supervised" : "Library";
});

}  // namespace
}  // namespace relaunch::test
