// A server that embeds the library and has a control endpoint.
#include <boost/asio/io_context.hpp>
#include <boost/json/parse.hpp>
#include <optional>

#include "common/base/text.hpp"
#include "common/control/client.hpp"
#include "common/os/endpoint.hpp"
#include "upgrade/upgrade_fixture.hpp"

namespace relaunch::test {
namespace {

using control::Answer;
using control::Request;
using control::Verb;

class LibraryControl : public testing::Test {
 protected:
  void SetUp() override {
    if (server_.supervised()) GTEST_SKIP() << "the supervisor has it";
  }
  std::string address() const {
    return os::endpoint_address(server_.path("run"));
  }
  Result<Answer> ask(const Request& request) const {
    return control::call(address(), request, kStepDeadline);
  }
  /// Asks until a generation answers: between two of them nobody does.
  boost::json::object status_of(std::uint32_t generation) const {
    const auto until = std::chrono::steady_clock::now() + kStepDeadline;
    while (std::chrono::steady_clock::now() < until) {
      const auto answer = ask(Request{});
      if (!answer || answer->kind != Answer::Kind::data) continue;
      auto status = boost::json::parse(answer->text).as_object();
      if (status.at("generation") == generation) return status;
    }
    return {};
  }
  Outcome upgrade_to(const std::string& greeting) {
    server_.next_build({{"greeting", greeting}});
    Request request;
    request.verb = Verb::upgrade;
    const auto answer = ask(request);
    EXPECT_TRUE(answer) << answer.error().text();
    return answer ? answer->outcome : Outcome{};
  }

  static ServerSetup setup() {
    ServerSetup setup;
    setup.settings = {{"run", "run"}};
    setup.relative_paths = true;
    return setup;
  }
  ServerUnderTest server_{setup()};
};

TEST_F(LibraryControl, EachGenerationTakesTheEndpointOver) {
  for (const std::uint32_t generation : {2u, 3u}) {
    const std::string greeting = std::to_string(generation);
    const Outcome outcome = upgrade_to(greeting);
    EXPECT_EQ(outcome.result, Outcome::Result::done) << outcome.reason;
    EXPECT_EQ(outcome.serving_generation, generation);
    const auto status = status_of(generation);
    ASSERT_TRUE(status.contains("schema")) << server_.process().output();
    EXPECT_EQ(status.at("mode"), "library");
    EXPECT_EQ(status.at("pid"), outcome.serving_pid);
    EXPECT_EQ(server_.hello(), greeting);
    EXPECT_TRUE(server_.wait_alone(generation)) << server_.process().output();
  }
}

TEST_F(LibraryControl, AFailedUpgradeLeavesTheEndpointWithTheIncumbent) {
  server_.next_build({{"exit_at_start", "7"}});
  Request request;
  request.verb = Verb::upgrade;
  const auto failed = ask(request);
  ASSERT_TRUE(failed) << failed.error().text();
  EXPECT_EQ(failed->outcome.result, Outcome::Result::failed);
  EXPECT_EQ(upgrade_to("two").result, Outcome::Result::done);
  EXPECT_TRUE(status_of(2).contains("schema")) << server_.process().output();
}

TEST_F(LibraryControl, StopIsAnsweredAndTheServerLeaves) {
  Request request;
  request.verb = Verb::stop;
  const auto answer = ask(request);
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_EQ(answer->kind, Answer::Kind::done);
  EXPECT_TRUE(server_.process().wait_for_line("left", kStepDeadline))
      << server_.process().output();
}

TEST_F(LibraryControl, WhatItCannotDoIsRefused) {
  Request request;
  request.verb = Verb::reload;
  EXPECT_EQ(ask(request).value().outcome.code, errc::not_permitted);
  request.verb = Verb::upgrade;
  request.order.release = "no-such-release";
  EXPECT_EQ(ask(request).value().outcome.code, errc::artifact_missing);
}

}  // namespace
}  // namespace relaunch::test
