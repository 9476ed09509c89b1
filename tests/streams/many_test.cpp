// Thousands of connections from one process to the next.
#include <gtest/gtest.h>

#include <charconv>
#include <vector>

#include "common/base/text.hpp"
#include "common/os/listener.hpp"
#include "support/program_under_test.hpp"
#include "support/raw_stream.hpp"
#include "support/system_facts.hpp"

namespace relaunch::test {
namespace {

constexpr std::size_t kMany = MANY_CONNECTIONS;
constexpr auto kStep = ProgramUnderTest::kStep;

class ManyConnections : public testing::TestWithParam<bool> {
 protected:
  ManyConnections() : server_(ECHO_PROGRAM, GetParam()) {
    os::start_sockets().value();
    allow_handles(kMany + 1000);
    EXPECT_TRUE(server_.wait_committed(1)) << server_.process().output();
  }

  Address address(std::string_view name) const {
    return Address::parse(server_.address_in(text::cat("listening ", name)))
        .value();
  }
  /// How many handles the generation had that was asked for it.
  std::size_t upgrade_to(int generation) {
    const std::size_t before = server_.process().lines().size();
    const os::Socket order = connect_raw(address("orders "));
    EXPECT_TRUE(server_.wait_committed(generation) && server_.wait_alone())
        << server_.process().output();
    constexpr std::string_view kStart = "before the upgrade: handles=";
    const std::string line = server_.process()
                                 .wait_for_line_after(before, kStart, kStep)
                                 .value_or(std::string{kStart});
    std::size_t handles = 0;
    std::from_chars(line.data() + kStart.size(), line.data() + line.size(),
                    handles);
    return handles;
  }
  void expect_all_answer(const std::vector<os::Socket>& clients) {
    for (const auto& client : clients) send_raw(client.get(), "?");
    for (const auto& client : clients) {
      ASSERT_EQ(receive_raw(client.get(), 1), "?")
          << server_.process().output();
    }
  }

  ProgramUnderTest server_;
};

TEST_P(ManyConnections, CrossAtOnceAndLeaveNoHandle) {
  std::vector<os::Socket> clients;
  const Address echo = address("echo ");
  for (std::size_t i = 0; i < kMany; ++i) {
    clients.push_back(connect_raw(echo));
  }
  expect_all_answer(clients);
  // That of a first generation is not compared: it was started otherwise.
  upgrade_to(2);
  expect_all_answer(clients);
  const std::size_t second = upgrade_to(3);
  expect_all_answer(clients);
  const std::size_t third = upgrade_to(4);
  expect_all_answer(clients);
  constexpr std::size_t kSlack = 8;
  EXPECT_GE(second, kMany);
  EXPECT_LE(third, second + kSlack);
  EXPECT_EQ(std::string::npos, server_.process().output().find("kept: "));
  const std::size_t before = server_.process().lines().size();
  clients.clear();
  ASSERT_TRUE(server_.process().wait_for_line_after(
      before, "no connection is left", kStep));
  const std::size_t empty = upgrade_to(5);
  EXPECT_LE(empty + kMany, third + kSlack);
  EXPECT_TRUE(server_.stop());
}

INSTANTIATE_TEST_SUITE_P(, ManyConnections, testing::Bool(),
                         [](const auto& each) {
                           return each.param ? "Supervised" : "Library";
                         });

}  // namespace
}  // namespace relaunch::test
