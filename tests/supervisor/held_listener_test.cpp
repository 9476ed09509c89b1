// Listeners that the configuration names: it says where, not the program.
#include <boost/json/array.hpp>

#include "common/base/text.hpp"
#include "supervisor/supervised_fixture.hpp"
#include "support/free_port.hpp"

namespace relaunch::test {
namespace {

TEST(HeldListener, IsGivenWhateverAddressTheProgramAsksFor) {
  const std::uint16_t port = free_port();
  const auto address = text::cat("tcp://127.0.0.1:", port);
  ServerUnderTest server{
      supervised({.settings = {{"listen", "tcp://127.0.0.1:0"}},
                  .held_listeners = {{"http", address}}})};
  const auto expect_held = [&] {
    EXPECT_EQ(server.port_of("http"), port) << server.process().output();
    const auto listeners = supervisor_status(server).at("listeners").as_array();
    ASSERT_EQ(listeners.size(), 1U);
    EXPECT_EQ(listeners.at(0).at("address").as_string(), address);
  };
  expect_held();
  LoadClient load{server.load(Connections::fresh)};
  EXPECT_THAT(server.update_to({{"greeting", "two"}}).outcome,
              testing::StartsWith("done generation=2"))
      << server.process().output();
  expect_held();
  EXPECT_EQ(server.hello(), "two");
  const LoadReport report = load.stop();
  EXPECT_EQ(report.failed(), 0U) << report.text() << server.process().output();
}

}  // namespace
}  // namespace relaunch::test
