// A successor that has no numbers left for the connections that come to it. The
// system gives it those for which it has and closes the rest, without a word of
// which these were.
#include <memory>
#include <vector>

#include "common/base/text.hpp"
#include "faults/fault_fixture.hpp"
#include "faults/posix/real_faults.hpp"
#include "support/kept_client.hpp"

namespace relaunch::test {
namespace {

using testing::AnyOf;
using testing::StartsWith;

constexpr std::size_t kClients = 150;
/// For one batch, not for two.
constexpr unsigned kRoom = 80;

class RoomForConnections : public testing::TestWithParam<bool> {
 protected:
  /// One that was started as every later one is, for a comparison.
  RoomForConnections() : server_({.supervised = GetParam()}) {
    EXPECT_THAT(server_.update_to({{"greeting", "one"}, {"n", "2"}}).outcome,
                StartsWith("done generation=2"));
    EXPECT_TRUE(server_.wait_alone(2)) << server_.process().output();
    before_ = server_.census();
    for (std::size_t i = 0; i < kClients; ++i) {
      clients_.push_back(std::make_unique<KeptClient>(server_));
    }
  }

  ServerUnderTest server_;
  Census before_;
  std::vector<std::unique_ptr<KeptClient>> clients_;
};

TEST_P(RoomForConnections, LackedByTheSuccessorLeavesTheRestToTheIncumbent) {
  const auto update = server_.update_to(
      {{"greeting", "two"}, {"handles_left_on_turn", text::cat(kRoom)}});
  ASSERT_THAT(update.outcome, StartsWith("done generation="))
      << server_.process().output();
  const auto successor = server_.status().pid;

  std::size_t stayed = 0;
  for (auto& client : clients_) {
    const std::string body = client->hear();
    EXPECT_THAT(body, AnyOf("one\n", "two\n")) << server_.process().output();
    if (body == "one\n") ++stayed;
    client.reset();
  }
  EXPECT_GE(stayed, kClients - kRoom);
  EXPECT_EQ(server_.hello(), "two") << "the successor serves on";
  const auto serving = server_.status();
  EXPECT_TRUE(server_.wait_alone(serving.generation))
      << server_.process().output();
  unlimit(successor, Scarce::descriptors);
  EXPECT_LE(server_.census().handles, before_.handles + 2);
  expect_next_upgrade_works(server_, serving.generation);
}

INSTANTIATE_TEST_SUITE_P(, RoomForConnections, testing::Bool(),
                         [](const auto& each) {
                           return each.param ? "Supervised" : "Library";
                         });

}  // namespace
}  // namespace relaunch::test
