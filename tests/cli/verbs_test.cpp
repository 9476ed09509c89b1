#include <gmock/gmock.h>

#include <future>

#include "cli/instance.hpp"
#include "support/event_wait.hpp"
#include "support/server_process.hpp"

namespace relaunch::test {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::string code(const ChildResult& result) {
  return result.in_time ? result.status.text() : "too late";
}

TEST(Verbs, AnswerWithDataAsTheyAreAsked) {
  Instance instance;
  EXPECT_THAT(instance.ask({"status"}).output,
              "name        shop\ngeneration  2\n");
  EXPECT_EQ(instance.ask({"status", "--json"}).output,
            "{\"schema\":1,\"name\":\"shop\",\"generation\":2}\n");
  EXPECT_EQ(instance.ask({"metrics"}).output, "relaunch_up 1\n");
  EXPECT_THAT(instance.ask({"history"}).output,
              ContainsRegex("^20.*Z  done  generation=2 pid=71"));
  EXPECT_THAT(instance.ask({"history", "--json"}).output,
              StartsWith("{\"schema\":1,\"upgrades\":[{"));
  EXPECT_EQ(code(instance.ask({"abort"})), "exit code 0");
  EXPECT_EQ(instance.noted(), "abort");
  instance.is_upgrading = false;
  const auto nothing = instance.ask({"abort"});
  EXPECT_EQ(code(nothing), "exit code 10");
  EXPECT_EQ(nothing.output, "no upgrade is under way\n");
}

TEST(Verbs, TellNobodyThereFromARefusal) {
  {
    Instance instance;
    const auto refused = instance.ask({"reload"});
    EXPECT_EQ(code(refused), "exit code 77");
    EXPECT_THAT(refused.output, HasSubstr("nothing to read again"));
  }
  Instance instance;
  instance.end();
  for (const auto* verb : {"status", "upgrade", "stop", "events", "abort"}) {
    const auto gone = instance.ask({verb});
    EXPECT_EQ(code(gone), "exit code 69") << verb;
    EXPECT_THAT(gone.output, StartsWith("relaunch: cannot reach 'shop': "));
  }
  EXPECT_EQ(code(instance.ask({"events", "--follow"})), "exit code 69");
}

TEST(Verbs, ShowAnUpgradeInPlainLinesWhereThereIsNoTerminal) {
  Instance instance;
  const auto result = instance.ask({"upgrade"});
  EXPECT_EQ(code(result), "exit code 0");
  EXPECT_EQ(result.output,
            "[0:00] build\n[1/2] main.cpp\nwarning: x\\x1B[2J\n"
            "[0:00] stage\ndone: generation=2 pid=71 took_ms=0\n");
  EXPECT_EQ(instance.noted(), "upgrade");
}

TEST(Verbs, EndAsTheUpgradeEnded) {
  struct End {
    Outcome::Result result;
    std::error_code error;
    std::string code;
  };
  using enum Outcome::Result;
  const End table[] = {
      {nothing_to_do, {}, "exit code 10"},
      {failed, errc::build_failed, "exit code 20"},
      {failed, errc::artifact_missing, "exit code 65"},
      {rolled_back, errc::unhealthy, "exit code 21"},
      {refused, errc::busy, "exit code 75"},
      {refused, errc::not_permitted, "exit code 77"},
  };
  Instance instance;
  for (const auto& [result, error, end] : table) {
    Outcome outcome;
    outcome.result = result;
    outcome.code = error;
    outcome.reason = "because";
    outcome.serving_pid = 71;
    instance.will_end(outcome);
    const auto plain = instance.ask({"upgrade"});
    EXPECT_EQ(code(plain), end) << plain.output;
    const auto json = instance.ask({"rollback", "--json"});
    EXPECT_EQ(code(json), end);
    EXPECT_THAT(json.output, HasSubstr("{\"schema\":1,\"outcome\":\""));
    // On standard error, whatever stands on the other.
    for (const auto& output : {plain.output, json.output}) {
      EXPECT_EQ(output.find("relaunch: ") == output.npos, outcome.ok())
          << output;
    }
  }
}

TEST(Verbs, SayThatTheyDoNotKnowHowAnUpgradeEnded) {
  Instance instance;
  instance.is_slow = true;
  ServerProcess upgrade{command(instance.about({"upgrade"}))};
  ASSERT_TRUE(upgrade.wait_for_line("stage", kPatience)) << upgrade.output();
  instance.end();
  ASSERT_TRUE(upgrade.wait_gone(upgrade.processes().front(), kPatience));
  EXPECT_EQ(upgrade.first_exit_status()->text(), "exit code 69");
  EXPECT_THAT(upgrade.output(), HasSubstr("lost 'shop' in the middle of it"));
}

TEST(Verbs, PassAnUpgradesOptionsOn) {
  Instance instance;
  instance.ask({"upgrade", "--force", "--no-build", "--end-probation", "--",
                "--port", "8 0", "caf\xC3\xA9"});
  EXPECT_EQ(instance.noted(),
            "upgrade skip_build force end_probation <--port> <8 0> "
            "<caf\xC3\xA9>");
}

TEST(Verbs, NameAnArtifactOrARelease) {
  {
    Instance instance;
    instance.ask({"upgrade", "--release", "build/new"});
    EXPECT_EQ(instance.noted(), "upgrade artifact=new");
  }
  {
    Instance instance;
    instance.ask({"rollback"});
    EXPECT_EQ(instance.noted(), "upgrade release=previous");
  }
  Instance instance;
  instance.ask({"rollback", "0123abcd"});
  EXPECT_EQ(instance.noted(), "upgrade release=0123abcd");
}

TEST(Verbs, DoNotWaitForAnUpgradeIfAskedNotTo) {
  Instance instance;
  instance.is_slow = true;
  EXPECT_EQ(code(instance.ask({"upgrade", "--no-wait"})), "exit code 0");
  EXPECT_EQ(instance.noted(), "upgrade");
}

TEST(Verbs, TellEventsALineEach) {
  Instance instance;
  instance.ask({"upgrade"});
  const auto text = instance.ask({"events"});
  EXPECT_EQ(code(text), "exit code 0");
  EXPECT_THAT(text.output,
              AllOf(ContainsRegex("Z info upgrade.started"),
                    HasSubstr("phase=stage"), Not(HasSubstr("{"))));
  const auto json = instance.ask({"events", "--json"});
  EXPECT_THAT(json.output, StartsWith("{"));
  EXPECT_EQ(std::count(json.output.begin(), json.output.end(), '\n'), 3);
}

TEST(Verbs, WaitForTheDrainOfWhatTheyStop) {
  Instance instance;
  instance.is_slow = true;
  auto stopped =
      std::async(std::launch::async, [&] { return instance.ask({"stop"}); });
  // Each of them takes as long as the other would to end.
  for (int i = 0; i < 5 || instance.noted().empty(); ++i) {
    ASSERT_LT(i, 1'000);
    EXPECT_EQ(code(instance.ask({"status"})), "exit code 0");
  }
  EXPECT_EQ(stopped.wait_for(std::chrono::seconds{0}),
            std::future_status::timeout);
  instance.end();
  EXPECT_EQ(code(stopped.get()), "exit code 0");
}

TEST(Verbs, WaitForTheEndOfWhatTheyStop) {
  {
    Instance instance;
    EXPECT_EQ(code(instance.ask({"stop"})), "exit code 0");
    EXPECT_EQ(instance.noted(), "stop");
    EXPECT_EQ(code(instance.ask({"status"})), "exit code 69");
  }
  Instance instance;
  EXPECT_EQ(code(instance.ask({"stop", "--now", "--no-wait"})), "exit code 0");
  EXPECT_EQ(instance.noted(), "stop now");
}

}  // namespace
}  // namespace relaunch::test
