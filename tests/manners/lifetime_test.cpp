// The Upgrader begins and ends where the host wants it to.
#include <cstdlib>

#include "common/base/text.hpp"
#include "relaunch/upgrader.hpp"
#include "support/child.hpp"
#include "support/scratch_folder.hpp"
#include "support/system_facts.hpp"
#include "upgrade/upgrade_fixture.hpp"

namespace relaunch::test {
namespace {

Options options_with(const std::string& state) {
  Options options;
  options.name = "test";
  options.state_folder = text::path_from_utf8(state);
  options.handle_stop_requests = true;
  return options;
}

std::string end_of(const char* child) {
  const ScratchFolder scratch;
  const auto result =
      run_child(child_request(child, {text::utf8(scratch / "state")}));
  return result.in_time ? result.status.text() + result.output
                        : "not in time: " + result.output;
}

RELAUNCH_CHILD_MAIN(exits_beside_an_upgrader) {
  auto* const upgrader = new Upgrader{options_with(args.at(0))};
  upgrader->listen("http", "tcp://127.0.0.1:0");
  upgrader->ready();
  std::exit(0);
}

TEST(Upgrader, ThatIsNeverDestroyedLetsItsProgramEnd) {
  EXPECT_EQ(end_of("exits_beside_an_upgrader"), "exit code 0");
}

void make_and_destroy(const std::string& state) {
  Upgrader upgrader{options_with(state)};
  upgrader.listen("http", "tcp://127.0.0.1:0");
  upgrader.ready();
}

RELAUNCH_CHILD_MAIN(makes_many_upgraders) {
  // The first ones make what stays in the process: the system's own.
  for (int i = 0; i < 3; ++i) make_and_destroy(args.at(0));
  // One that each leaves would show twenty times; the system's thread pool on
  // Windows comes and goes by one.
  constexpr std::size_t kSlack = 2;
  const std::size_t before = list_open_handles().size();
  for (int i = 0; i < 20; ++i) make_and_destroy(args.at(0));
  const std::size_t after = list_open_handles().size();
  if (after > before + kSlack) say(text::cat(before, " handles -> ", after));
  return 0;
}

TEST(Upgrader, IsMadeAgainAndAgainInOneProgramAndLeavesNoHandle) {
  EXPECT_EQ(end_of("makes_many_upgraders"), "exit code 0");
}

}  // namespace
}  // namespace relaunch::test
