// Signals are taken only when the host asked for it, and given back.
#include <signal.h>

#include <memory>

#include "common/base/text.hpp"
#include "relaunch/upgrader.hpp"
#include "support/child.hpp"
#include "upgrade/upgrade_fixture.hpp"

namespace relaunch::test {
namespace {

volatile sig_atomic_t own_calls = 0;
void count_own_call(int) { own_calls = own_calls + 1; }

bool has_own_handler(int number) {
  struct sigaction now = {};
  ::sigaction(number, nullptr, &now);
  return now.sa_handler == count_own_call;
}

std::unique_ptr<Upgrader> make_upgrader(const std::string& state,
                                        bool opted_in) {
  Options options;
  options.name = "test";
  options.state_folder = text::path_from_utf8(state);
  options.handle_stop_requests = opted_in;
  return std::make_unique<Upgrader>(std::move(options));
}

constexpr int kStopSignals[] = {SIGTERM, SIGINT, SIGQUIT};

RELAUNCH_CHILD_MAIN(lends_its_stop_signals) {
  struct sigaction own = {};
  own.sa_handler = count_own_call;
  for (const int each : kStopSignals) ::sigaction(each, &own, nullptr);
  for (int round = 1; round <= 2; ++round) {
    auto upgrader = make_upgrader(args.at(0), true);
    if (has_own_handler(SIGTERM)) return 1;
    upgrader.reset();
    for (const int each : kStopSignals) {
      if (!has_own_handler(each)) return 2;
      ::raise(each);
    }
    if (own_calls != 3 * round) return 3;
  }
  return 0;
}

TEST(StopSignals, AreTheHostsAgainWhenTheUpgraderIsGone) {
  const ScratchFolder scratch;
  const auto result = run_child(
      child_request("lends_its_stop_signals", {text::utf8(scratch / "state")}));
  EXPECT_EQ(result.status.text(), "exit code 0");
}

RELAUNCH_CHILD_MAIN(keeps_its_stop_signals) {
  struct sigaction own = {};
  own.sa_handler = count_own_call;
  for (const int each : kStopSignals) ::sigaction(each, &own, nullptr);
  const auto upgrader = make_upgrader(args.at(0), false);
  for (const int each : kStopSignals) ::raise(each);
  return own_calls == 3 ? 0 : 1;
}

TEST(StopSignals, ReachTheHostThatDidNotGiveThemAway) {
  const ScratchFolder scratch;
  const auto result = run_child(
      child_request("keeps_its_stop_signals", {text::utf8(scratch / "state")}));
  EXPECT_EQ(result.status.text(), "exit code 0");
}

}  // namespace
}  // namespace relaunch::test
