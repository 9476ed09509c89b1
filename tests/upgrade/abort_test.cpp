// An upgrade that is not wanted any more ends in whatever phase it is, and
// until the commit it is taken back.
#include "upgrade/upgrade_fixture.hpp"

namespace relaunch::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr char kAbandoned[] = "the upgrade was aborted";

HttpRequest abort_request() {
  HttpRequest request;
  request.method = "POST";
  request.path = "/abort";
  request.keep_alive = true;
  return request;
}

/// To whoever accepts now.
void abort(ServerUnderTest& server) {
  const auto answer =
      http_call(server.port(), abort_request(), kStepDeadline).value();
  EXPECT_EQ(answer.status, 200u) << answer.body;
}

class Abort : public testing::Test {
 protected:
  void begin(const Recipe& recipe) {
    lines_before_ = server_.process().lines().size();
    update_ = server_.begin_update(recipe, "linked");
  }
  bool wait_for(std::string_view line) {
    return server_.process()
        .wait_for_line_after(lines_before_, line, kStepDeadline)
        .has_value();
  }
  std::string outcome() { return update_.get().outcome; }

  ServerUnderTest server_{{.settings = {{"probation", "20000"}}}};
  /// With the first generation, also when another one accepts.
  HttpConnection incumbent_{
      HttpConnection::open(server_.port(), kStepDeadline).value()};
  std::size_t lines_before_ = 0;
  std::future<UpdateAnswer> update_;
};

TEST_F(Abort, OfABuildEndsIt) {
  auto update = server_.begin_update({{"build_hang", "1"}}, "hanging");
  abort(server_);
  const std::string outcome = update.get().outcome;
  EXPECT_THAT(outcome, StartsWith("failed in build: "));
  EXPECT_THAT(outcome, HasSubstr(kAbandoned));
  expect_untouched(server_);
}

TEST_F(Abort, OfALaunchEndsTheSuccessor) {
  begin({{"silent", "1"}});
  ASSERT_TRUE(wait_for("started pid=")) << server_.process().output();
  abort(server_);
  const std::string outcome = this->outcome();
  EXPECT_THAT(outcome, StartsWith("failed in launch: "));
  EXPECT_THAT(outcome, HasSubstr(kAbandoned));
  expect_untouched(server_);
}

TEST_F(Abort, OfAPreparationEndsTheSuccessor) {
  begin({{"never_ready", "1"}});
  ASSERT_TRUE(wait_for("listening http")) << server_.process().output();
  abort(server_);
  const std::string outcome = this->outcome();
  EXPECT_THAT(outcome, StartsWith("failed in prepare: "));
  EXPECT_THAT(outcome, HasSubstr(kAbandoned));
  expect_untouched(server_);
}

TEST_F(Abort, InTheSwitchLetsTheIncumbentAcceptAgain) {
  begin({{"hang_on_turn", "1"}});
  ASSERT_TRUE(wait_for("took the turn")) << server_.process().output();
  incumbent_.send(abort_request(), kStepDeadline).value();
  EXPECT_EQ(incumbent_.receive(kStepDeadline).value().status, 200u);
  const std::string outcome = this->outcome();
  EXPECT_THAT(outcome, StartsWith("rolled back in switch: "));
  EXPECT_THAT(outcome, HasSubstr(kAbandoned));
  expect_untouched(server_);
}

TEST_F(Abort, InProbationTakesTheTurnBackAndLosesNothing) {
  LoadClient load(server_.load(Connections::fresh));
  begin({{"greeting", "two"}});
  ASSERT_TRUE(wait_for("phase=probation")) << server_.process().output();
  incumbent_.send(abort_request(), kStepDeadline).value();
  EXPECT_EQ(incumbent_.receive(kStepDeadline).value().status, 200u);
  const std::string outcome = this->outcome();
  EXPECT_THAT(outcome, StartsWith("rolled back in probation: "));
  EXPECT_THAT(outcome, HasSubstr(kAbandoned));
  EXPECT_TRUE(load.wait_for_answers(10, kStepDeadline));
  const LoadReport report = load.stop();
  EXPECT_EQ(report.failed(), 0u) << report.text();
  expect_untouched(server_);
}

TEST_F(Abort, AskedOfTheSuccessorIsPassedOnAndHoldsNothing) {
  for (int attempt = 0; attempt < 2; ++attempt) {
    begin({{"greeting", "two"}});
    ASSERT_TRUE(wait_for("took the turn")) << server_.process().output();
    EXPECT_EQ(server_.hello(), "two");
    abort(server_);
    EXPECT_THAT(outcome(), StartsWith("rolled back in probation: "));
    expect_untouched(server_);
  }
}

TEST_F(Abort, AfterTheCommitChangesNothing) {
  begin({{"greeting", "two"}});
  ASSERT_TRUE(wait_for("took the turn")) << server_.process().output();
  const UpdateAnswer next =
      server_.update_to({{"build_fail", "1"}}, "end-probation=1");
  EXPECT_THAT(outcome(), StartsWith("done generation=2"));
  EXPECT_THAT(next.outcome, StartsWith("failed in build: "));
  abort(server_);
  EXPECT_EQ(server_.hello(), "two");
  EXPECT_EQ(server_.status().generation, 2u);
}

TEST_F(Abort, WithoutAnUpgradeChangesNothing) {
  abort(server_);
  expect_untouched(server_);
}

TEST_F(Abort, IsGuardedAsAnUpdateIs) {
  HttpRequest request = abort_request();
  request.headers = {{"Origin", "http://example.org"}};
  auto answer = http_call(server_.port(), request, kStepDeadline).value();
  EXPECT_EQ(answer.status, 403u);
  request = abort_request();
  request.method = "GET";
  answer = http_call(server_.port(), request, kStepDeadline).value();
  EXPECT_EQ(answer.status, 405u);
}

}  // namespace
}  // namespace relaunch::test
