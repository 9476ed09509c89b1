// A generation that embeds the library is probed from outside too.
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdlib>

#include "common/os/system.hpp"
#include "foreign/supervised_program.hpp"
#include "relaunch/asio.hpp"
#include "relaunch/relaunch.hpp"
#include "support/child.hpp"

namespace relaunch::test {
namespace {

using boost::asio::ip::tcp;
using supervisor::Readiness;

void accept_all(relaunch::asio::Acceptor& acceptor) {
  acceptor.async_accept(
      [&](boost::system::error_code failure, const tcp::socket&) {
        if (!failure) accept_all(acceptor);
      });
}

RELAUNCH_CHILD_MAIN(embeds_the_library) {
  boost::asio::io_context io{1};
  relaunch::Options options;
  options.executor = relaunch::asio::executor(io);
  options.handle_stop_requests = true;
  Upgrader upgrader{options};
  relaunch::asio::Acceptor acceptor{
      io, upgrader.listen("http", "tcp://127.0.0.1:0")};
  accept_all(acceptor);
  tcp::acceptor probed{io};
  const auto port = os::environment_variable("RELAUNCH_PROBE_PORT");
  if (port && !args.empty()) {
    probed =
        tcp::acceptor{io,
                      {boost::asio::ip::address_v4::loopback(),
                       static_cast<std::uint16_t>(std::atoi(port->c_str()))}};
  }
  upgrader.ready();
  io.run();
  return 0;
}

TEST(EmbeddedHealth, ProbeGatesTheSwitchBesideTheProgramsOwnWord) {
  auto options = foreign_options("embeds_the_library", {"opens_port"});
  options.foreign.readiness = Readiness::embedded;
  options.foreign.health = Readiness::tcp;
  SupervisedProgram program{options};
  ASSERT_TRUE(program.wait_for_generation(1)) << program.log();
  const Outcome good = program.upgrade();
  EXPECT_EQ(to_string(good.result), "done") << good.reason << program.log();
  const Outcome bad =
      program.upgrade_to({options.program[0], options.program[1]});
  EXPECT_EQ(to_string(bad.result), "failed");
  EXPECT_EQ(bad.code, make_error_code(errc::unhealthy)) << bad.reason;
  EXPECT_EQ(program.status().generation, 2U);
}

}  // namespace
}  // namespace relaunch::test
