// Releases that want other listeners than the one before.
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "common/base/text.hpp"
#include "upgrade/upgrade_fixture.hpp"

namespace relaunch::test {
namespace {

using boost::asio::ip::tcp;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

/// A listener of the test itself, to occupy an address or to find a free one.
struct Occupied {
  boost::asio::io_context io;
  tcp::acceptor acceptor{io, {boost::asio::ip::address_v4::loopback(), 0}};
  std::uint16_t port() const { return acceptor.local_endpoint().port(); }
  std::string address() const {
    return "tcp://127.0.0.1:" + std::to_string(port());
  }
};

bool is_refused(std::uint16_t port) {
  return !HttpConnection::open(port, kStepDeadline).has_value();
}

TEST(Listeners, AddedOneServesAndIsHandedOn) {
  ServerUnderTest server;
  Recipe two{{"greeting", "two"}, {"listener.admin", "tcp://127.0.0.1:0"}};
  EXPECT_THAT(server.update_to(two).outcome, StartsWith("done generation=2"))
      << server.process().output();
  const std::uint16_t admin = server.port_of("admin");
  EXPECT_EQ(server.get(admin, "/hello"), "two");

  Recipe three = two;
  three["greeting"] = "three";
  EXPECT_THAT(server.update_to(three).outcome, StartsWith("done generation=3"))
      << server.process().output();
  EXPECT_EQ(server.port_of("admin"), admin);
  EXPECT_EQ(server.get(admin, "/hello"), "three");
}

TEST(Listeners, RemovedOneIsClosedAfterTheCommit) {
  ServerUnderTest server({.first = {{"greeting", "one"},
                                    {"listener.admin", "tcp://127.0.0.1:0"}}});
  ASSERT_TRUE(server.process().wait_for_line("listening admin", kStepDeadline));
  const std::uint16_t admin = server.port_of("admin");
  EXPECT_EQ(server.get(admin, "/hello"), "one");
  EXPECT_THAT(server.update_to({{"greeting", "two"}}).outcome,
              StartsWith("done generation=2"))
      << server.process().output();
  EXPECT_TRUE(server.wait_alone(2)) << server.process().output();
  EXPECT_TRUE(is_refused(admin));
  EXPECT_EQ(server.hello(), "two");
}

TEST(Listeners, RemovedOneServesAgainWhenTheUpgradeIsTakenBack) {
  ServerUnderTest server({.first = {{"greeting", "one"},
                                    {"listener.admin", "tcp://127.0.0.1:0"}}});
  ASSERT_TRUE(server.process().wait_for_line("listening admin", kStepDeadline));
  EXPECT_THAT(server.update_to({{"unhealthy", "1"}}).outcome,
              StartsWith("rolled back in probation: "))
      << server.process().output();
  EXPECT_EQ(server.get(server.port_of("admin"), "/hello"), "one");
  expect_untouched(server);
}

TEST(Listeners, MovedOneServesAtItsNewAddress) {
  ServerUnderTest server({.first = {{"greeting", "one"},
                                    {"listener.admin", "tcp://127.0.0.1:0"}}});
  ASSERT_TRUE(server.process().wait_for_line("listening admin", kStepDeadline));
  const std::uint16_t before = server.port_of("admin");
  const std::string address = Occupied().address();  // free again
  EXPECT_THAT(
      server.update_to({{"greeting", "two"}, {"listener.admin", address}})
          .outcome,
      StartsWith("done generation=2"))
      << server.process().output();
  EXPECT_EQ(server.get(server.port_of("admin"), "/hello"), "two");
  EXPECT_TRUE(server.wait_alone(2)) << server.process().output();
  EXPECT_NE(server.port_of("admin"), before);
  EXPECT_TRUE(is_refused(before));
}

TEST(Listeners, AddressThatCannotBeHadFailsTheUpgradeAndSaysWhich) {
  ServerUnderTest server;
  Occupied other;
  const UpdateAnswer answer =
      server.update_to({{"listener.admin", other.address()}});
  EXPECT_THAT(answer.outcome,
              AllOf(StartsWith("failed in prepare: "),
                    HasSubstr(text::cat("cannot listen on ", other.address()))))
      << server.process().output();
  // On its own streams too.
  EXPECT_TRUE(server.process().wait_for_line("failed: cannot listen on",
                                             kStepDeadline));
  expect_untouched(server);
  expect_next_upgrade_works(server);
}

}  // namespace
}  // namespace relaunch::test
