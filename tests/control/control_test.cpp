#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "common/base/text.hpp"
#include "common/control/authorise.hpp"
#include "control/served_target.hpp"

namespace relaunch::control {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Control, EachQuestionHasItsAnswer) {
  ServedTarget served;
  EXPECT_EQ(served.ask(Verb::status).value().text, R"({"schema":1})");
  EXPECT_EQ(served.ask(Verb::history).value().text, R"([{"outcome":"done"}])");
  EXPECT_EQ(served.ask(Verb::metrics).value().text, "relaunch_up 1\n");
  EXPECT_EQ(served.ask(Verb::abort).value().kind, Answer::Kind::done);
  Request stop;
  stop.verb = Verb::stop;
  stop.mode = StopMode::now;
  EXPECT_EQ(served.ask(stop).value().kind, Answer::Kind::done);
  EXPECT_EQ(served.target.noted(), "abort;stop 2;");
}

TEST(Control, ARefusalCrossesWithItsReason) {
  ServedTarget served;
  const auto answer = served.ask(Verb::reload).value();
  EXPECT_EQ(answer.kind, Answer::Kind::outcome);
  EXPECT_EQ(answer.outcome.code, errc::not_permitted);
  EXPECT_THAT(answer.outcome.reason, HasSubstr("nothing to read again"));
}

TEST(Control, AnUpgradeIsToldLineByLineAndPhaseByPhaseToItsEnd) {
  ServedTarget served;
  served.target.outcome.result = Outcome::Result::rolled_back;
  served.target.outcome.phase = Phase::probation;
  served.target.outcome.code = errc::unhealthy;
  served.target.outcome.reason = "the successor is not healthy";
  served.target.outcome.build_output = "[1/2] a.cpp\n";
  Request request;
  request.verb = Verb::upgrade;
  request.order.request = {true, true, true};
  request.order.artifact = text::path_from_utf8("builds/v\xC3\xBC");
  request.order.arguments = {{"--port", "80"}};
  std::vector<std::string> told;
  const auto last = served.ask(
      request, [&](const Answer& answer) { told.push_back(answer.text); });
  ASSERT_TRUE(last) << last.error().text();
  EXPECT_EQ(last->outcome.result, Outcome::Result::rolled_back);
  EXPECT_EQ(last->outcome.code, errc::unhealthy);
  EXPECT_EQ(last->outcome.build_output, "[1/2] a.cpp\n");
  EXPECT_THAT(told,
              ElementsAre("[1/2] a.cpp", HasSubstr(R"("phase":"launch")")));
  const UpgradeOrder& order = served.target.orders.at(0);
  EXPECT_TRUE(order.request.skip_build && order.request.force &&
              order.request.end_probation);
  EXPECT_EQ(text::utf8(order.artifact), "builds/v\xC3\xBC");
  EXPECT_THAT(order.arguments.value(), ElementsAre("--port", "80"));
}

TEST(Control, AnUpgradeGoesOnWhenItsClientHasGone) {
  ServedTarget served;
  served.target.ends_later = true;
  Request request;
  request.verb = Verb::upgrade;
  const auto given_up =
      call(served.address(), request, std::chrono::milliseconds{200});
  EXPECT_EQ(given_up.error().code(), std::errc::timed_out);
  served.run([&] { served.target.end(served.target.outcome); });
  EXPECT_TRUE(served.ask(Verb::status));
}

TEST(Control, EventsAreToldFromANumberOn) {
  ServedTarget served;
  served.run([&] {
    for (int i = 0; i < 3; ++i) {
      observe::Event event;
      event.name = observe::name::kLog;
      served.target.log.add(event);
    }
  });
  Request request;
  request.verb = Verb::events;
  request.since = 1;
  std::size_t told = 0;
  EXPECT_TRUE(served.ask(request, [&](const Answer& answer) {
    EXPECT_EQ(answer.kind, Answer::Kind::event);
    ++told;
  }));
  EXPECT_EQ(told, 2u);
}

TEST(Control, StatusAnswersBesideManyIdleClients) {
  ServedTarget served;
  boost::asio::io_context io;
  std::vector<std::unique_ptr<os::Channel>> idle;
  for (int i = 0; i < 300; ++i) {
    auto channel = os::connect_endpoint(io, served.address(), kDeadline);
    ASSERT_TRUE(channel) << i << ": " << channel.error().text();
    idle.push_back(std::move(*channel));
  }
  const auto answer = served.ask(Verb::status);
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_EQ(answer->text, R"({"schema":1})");
}

TEST(Control, ASecondInstanceIsRefusedAndTheFirstServesOn) {
  ServedTarget served;
  boost::asio::io_context io;
  FakeTarget other;
  const auto second = Server::open(io, served.folder(), other, {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), errc::busy) << second.error().text();
  EXPECT_TRUE(served.ask(Verb::status));
}

TEST(Control, NobodyThereIsSaidAtOnce) {
  test::ScratchFolder scratch;
  const auto answer =
      call(os::endpoint_address(scratch / "run"), Request{}, kDeadline);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), std::errc::no_such_file_or_directory)
      << answer.error().text();
}

TEST(Control, ACommandOfAnotherVersionIsToldSo) {
  ServedTarget served;
  Request request;
  request.min_version = kMaxVersion + 1;
  request.max_version = kMaxVersion + 1;
  const auto answer = served.ask(request).value();
  EXPECT_EQ(answer.error.code(), errc::version_mismatch);
}

TEST(Control, GarbageEndsOnlyTheLinkItCameOn) {
  ServedTarget served;
  for (const std::string head :
       {"", "{", "[]", R"({"verb":1})", R"({"verb":"erase"})",
        R"({"verb":"upgrade","arguments":"x","max_version":1})",
        R"({"verb":"stop","mode":"maybe","max_version":1})"}) {
    boost::asio::io_context io;
    auto channel =
        os::connect_endpoint(io, served.address(), kDeadline).value();
    std::optional<Result<Answer>> answer;
    channel->start(
        [&](const os::Received& received) {
          answer = answer_from(received.frame);
          io.stop();
        },
        [&](const Error& error) {
          if (!answer) answer = error;
          io.stop();
        });
    protocol::Frame frame;
    frame.head = head;
    channel->send(frame);
    io.run_for(kDeadline);
    ASSERT_TRUE(answer) << head;
    ASSERT_TRUE(*answer) << head << (*answer).error().text();
    EXPECT_EQ((*answer)->kind, Answer::Kind::error) << head;
  }
  EXPECT_TRUE(served.ask(Verb::status));
}

TEST(Authorise, OnlyATrustedPeerMayAnything) {
  for (int i = 0; i <= static_cast<int>(kLastVerb); ++i) {
    const Verb verb = static_cast<Verb>(i);
    EXPECT_TRUE(authorise({7, true}, verb)) << to_string(verb);
    const auto refused = authorise({7, false}, verb);
    ASSERT_FALSE(refused) << to_string(verb);
    EXPECT_EQ(refused.error().code(), std::errc::permission_denied);
  }
}

}  // namespace
}  // namespace relaunch::control
