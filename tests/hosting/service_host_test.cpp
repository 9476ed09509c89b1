#include "common/supervisor/service_host.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/os/become.hpp"
#include "common/os/system.hpp"
#include "common/supervisor/service_link.hpp"
#include "hosting/supervisor_stub.hpp"
#include "support/child.hpp"
#include "support/event_wait.hpp"
#include "support/system_facts.hpp"

namespace relaunch::test {
namespace {

using os::ServiceOrder;
using os::ServiceState;
using std::chrono::milliseconds;
using supervisor::ServiceHost;
using testing::HasSubstr;

class ServiceHostTest : public testing::Test {
 protected:
  ServiceHostTest() {
    options.command = stubs.command();
    options.restart.delay = milliseconds{1};
    options.restart.crash_limit = 3;
  }
  void start() {
    host = std::make_unique<ServiceHost>(
        io, options,
        ServiceHost::Reports{
            [this](ServiceState state) { states.push_back(state); },
            [this](std::uint32_t code) { ended = code; },
            [this](bool, std::string line) { log += line + '\n'; }});
    host->start();
  }
  bool wait(const std::function<bool()>& done) { return wait_until(io, done); }
  bool wait_for(StubLink& stub, const std::string& line) {
    return wait([&] { return stub.said(line); });
  }
  ServiceState state() const { return states.back(); }

  boost::asio::io_context io;
  Stubs stubs{io};
  supervisor::ServiceHostOptions options;
  std::unique_ptr<ServiceHost> host;
  std::vector<ServiceState> states;
  std::optional<std::uint32_t> ended;
  std::string log;
};

TEST_F(ServiceHostTest, RunsWhenTheFirstGenerationServesAndNotBefore) {
  start();
  auto& stub = stubs.at(0);
  // It goes on saying that it starts.
  ASSERT_TRUE(wait([&] { return states.size() > 2; }));
  EXPECT_EQ(state(), ServiceState::starting);
  stub.tell("serve");
  EXPECT_TRUE(wait([&] { return state() == ServiceState::running; }));
  EXPECT_FALSE(ended);
}

TEST_F(ServiceHostTest, OrdersArriveAndStopEndsItWell) {
  start();
  auto& stub = stubs.at(0);
  stub.tell("serve");
  ASSERT_TRUE(wait([&] { return state() == ServiceState::running; }));
  host->order(ServiceOrder::reload);
  EXPECT_TRUE(wait_for(stub, "\"reload\""));
  host->order(ServiceOrder::upgrade);
  EXPECT_TRUE(wait_for(stub, "\"upgrade\""));
  host->order(ServiceOrder::stop);
  EXPECT_EQ(state(), ServiceState::stopping);
  EXPECT_TRUE(wait([&] { return ended.has_value(); }));
  EXPECT_TRUE(wait_for(stub, "\"stop\""));
  EXPECT_EQ(ended, 0u);
  EXPECT_EQ(log, "");
  EXPECT_EQ(stubs.count(), 1u);
}

TEST_F(ServiceHostTest, SupervisorThatDiesIsStartedAgainAndTheServiceRunsOn) {
  start();
  stubs.at(0).tell("serve");
  ASSERT_TRUE(wait([&] { return state() == ServiceState::running; }));
  stubs.at(0).tell("exit 70");
  auto& second = stubs.at(1);
  EXPECT_EQ(state(), ServiceState::running);
  EXPECT_THAT(log, HasSubstr("the supervisor ended: exit code 70"));
  second.tell("serve");
  host->order(ServiceOrder::reload);
  EXPECT_TRUE(wait_for(second, "\"reload\""));
}

TEST_F(ServiceHostTest, SupervisorThatKeepsDyingEndsTheServiceWithItsCode) {
  start();
  for (std::size_t i = 0; !ended && i != 4; ++i) {
    stubs.at(i).tell("exit 70");
    ASSERT_TRUE(wait([&] { return ended || stubs.count() > i + 1; }));
  }
  EXPECT_EQ(ended, 70u);
  EXPECT_THAT(log, HasSubstr("too often"));
}

TEST_F(ServiceHostTest, WhatNoSecondAttemptMakesBetterIsNotTriedAgain) {
  start();
  stubs.at(0).tell("exit 78");
  EXPECT_TRUE(wait([&] { return ended.has_value(); }));
  EXPECT_EQ(ended, 78u);
  EXPECT_EQ(stubs.count(), 1u);
  EXPECT_THAT(log, HasSubstr("exit code 78: why it ended"));
}

TEST_F(ServiceHostTest, SupervisorThatWasStoppedEndsTheService) {
  start();
  stubs.at(0).tell("serve");
  ASSERT_TRUE(wait([&] { return state() == ServiceState::running; }));
  stubs.at(0).tell("exit 0");
  EXPECT_TRUE(wait([&] { return ended.has_value(); }));
  EXPECT_EQ(ended, 0u);
  EXPECT_EQ(stubs.count(), 1u);
}

TEST_F(ServiceHostTest, SupervisorThatDoesNotStopIsEndedAtTheDeadline) {
  options.stop_deadline = milliseconds{100};
  start();
  auto& stub = stubs.at(0);
  stub.tell("hang");
  ASSERT_TRUE(wait_for(stub, "did hang"));
  const os::Process process = stub.process();
  host->order(ServiceOrder::stop);
  EXPECT_TRUE(wait([&] { return ended.has_value(); }));
  EXPECT_TRUE(wait_for_end(process));
  EXPECT_EQ(ended, 0u);
  EXPECT_THAT(log, HasSubstr("did not stop in time"));
}

TEST_F(ServiceHostTest, StopBetweenTwoSupervisorsEndsAtOnce) {
  options.restart.delay = std::chrono::hours{1};
  options.restart.delay_max = std::chrono::hours{1};
  start();
  stubs.at(0).tell("exit 70");
  ASSERT_TRUE(wait([&] { return !log.empty(); }));
  host->order(ServiceOrder::stop);
  EXPECT_EQ(ended, 0u);
}

TEST_F(ServiceHostTest, ProgramThatDoesNotExistEndsTheServiceWithAnError) {
  options.command[0] += "-not";
  start();
  EXPECT_EQ(ended, 1u);
  EXPECT_THAT(log, HasSubstr("cannot start "));
}

TEST_F(ServiceHostTest, NothingIsLeftWhenItIsDestroyed) {
  start();
  const os::Process process = stubs.at(0).process();
  host.reset();
  EXPECT_TRUE(wait_for_end(process));
}

class ServiceHostFollows : public ServiceHostTest {
 protected:
  void SetUp() override {
    if (os::become_stays_this_process()) {
      GTEST_SKIP() << "a supervisor that is replaced stays the same process";
    }
    start();
    stubs.at(0).tell("serve");
    ASSERT_TRUE(wait([&] { return state() == ServiceState::running; }));
    stubs.at(0).tell("links");
    ASSERT_TRUE(wait_for(stubs.at(0), "has links"));
  }
  StubLink& replace(std::size_t old) {
    stubs.at(old).tell("replace");
    EXPECT_TRUE(wait([&] { return stubs.at(old).lost(); }));
    return stubs.at(old + 1);
  }
  /// As soon as the host has heard of it.
  bool reaches(StubLink& stub) {
    return wait([&] {
      host->order(ServiceOrder::reload);
      return stub.said("\"reload\"");
    });
  }
};

TEST_F(ServiceHostFollows, ToTheNewSupervisorAndTheServiceRunsOn) {
  auto& second = replace(0);
  EXPECT_TRUE(reaches(second));
  second.tell("links");
  ASSERT_TRUE(wait_for(second, "has links"));
  auto& third = replace(1);
  EXPECT_EQ(state(), ServiceState::running);
  EXPECT_EQ(log, "");
  host->order(ServiceOrder::stop);
  EXPECT_TRUE(wait_for(third, "\"stop\""));
  EXPECT_TRUE(wait([&] { return ended.has_value(); }));
  EXPECT_EQ(ended, 0u);
  EXPECT_TRUE(wait([&] { return third.lost(); }));
  EXPECT_EQ(stubs.count(), 3u);
}

TEST_F(ServiceHostFollows, AndStartsTheNewOneAgainWhenItDies) {
  replace(0).tell("exit 70");
  auto& third = stubs.at(2);
  EXPECT_EQ(state(), ServiceState::running);
  EXPECT_THAT(log, HasSubstr("exit code 70: why it ended"));
  EXPECT_TRUE(reaches(third));
}

TEST_F(ServiceHostFollows, AndPassesTheOrderToStopOnThatTheOldOneMissed) {
  stubs.at(0).tell("hang");
  ASSERT_TRUE(wait_for(stubs.at(0), "did hang"));
  host->order(ServiceOrder::stop);
  auto& second = replace(0);
  EXPECT_TRUE(wait_for(second, "\"stop\""));
  EXPECT_TRUE(wait([&] { return ended.has_value(); }));
  EXPECT_EQ(ended, 0u);
  EXPECT_EQ(log, "");
}

TEST_F(ServiceHostFollows, NobodyIfTheOldOneComesBack) {
  auto& first = stubs.at(0);
  first.tell("replace in vain");
  ASSERT_TRUE(wait_for(first, "did replace in vain"));
  EXPECT_TRUE(reaches(first));
  host->order(ServiceOrder::stop);
  EXPECT_TRUE(wait([&] { return ended.has_value(); }));
  EXPECT_EQ(ended, 0u);
  EXPECT_EQ(stubs.count(), 1u);
}

TEST_F(ServiceHostFollows, NobodyIfTheOldOneDiesBeforeThat) {
  stubs.at(0).tell("exit 70");
  auto& second = stubs.at(1);
  EXPECT_EQ(state(), ServiceState::running);
  EXPECT_TRUE(reaches(second));
}

TEST_F(ServiceHostFollows, AndEndsWithWhomItFollowsWhenItIsDestroyed) {
  auto& second = replace(0);
  EXPECT_TRUE(reaches(second));
  const os::Process process = second.process();
  host.reset();
  EXPECT_TRUE(wait_for_end(process));
}

RELAUNCH_CHILD_MAIN(looks_for_a_host) {
  boost::asio::io_context io;
  const auto link = supervisor::ServiceLink::find(io, {});
  if (!link) {
    say(link.error().text());
    return 2;
  }
  return *link == nullptr ? 0 : 1;
}

TEST(ServiceLink, HostThatDoesNotFollowIsToldByItsSilence) {
  boost::asio::io_context io;
  auto pair = os::make_channel_pair().value();
  os::Channel older{io, std::move(pair.ours)};
  std::vector<std::string> words;
  older.start(
      [&](const os::Received& each) { words.push_back(each.frame.head); },
      [](const Error&) {});
  supervisor::ServiceLink link{io, std::move(pair.theirs), {}};
  std::optional<Error> refused;
  link.ask_for_links([&](Result<supervisor::ServiceLink::Links> links) {
    if (!links) refused = links.error();
  });
  ASSERT_TRUE(wait_until(io, [&] { return refused.has_value(); }));
  EXPECT_EQ(refused->code(), errc::not_permitted);
  EXPECT_EQ(words, (std::vector<std::string>{
                       supervisor::here_word(os::own_process_id()),
                       std::string{supervisor::kLinksWord}}));
  EXPECT_EQ(supervisor::who_is_here(words[0]), os::own_process_id());
}

TEST(ServiceLink, WhoIsHereIsANumberAndNothingElse) {
  for (const char* word : {"\"here \"", "\"here 1x\"", "\"here", "\"there 1\"",
                           "\"here 99999999999\"", "\"here -1\"", ""}) {
    EXPECT_FALSE(supervisor::who_is_here(word)) << word;
  }
}

TEST(ServiceLink, IsOnlyThereBelowAHost) {
  EXPECT_EQ(run_child(child_request("looks_for_a_host")).status.code, 0u);
  auto request = child_request("looks_for_a_host");
  request.environment.push_back("RELAUNCH_SERVICE_HOST=99999");
  const auto lied_to = run_child(request);
  EXPECT_EQ(lied_to.status.code, 2u);
  EXPECT_THAT(lied_to.output, HasSubstr("cannot reach the service's host: "
                                        "RELAUNCH_SERVICE_HOST=99999"));
}

}  // namespace
}  // namespace relaunch::test
