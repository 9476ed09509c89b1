// Static storage is no place for an Upgrader, and no trap either. Windows: it
// is one, see Upgrader::~Upgrader.
#include "common/base/text.hpp"
#include "relaunch/upgrader.hpp"
#include "support/child.hpp"
#include "upgrade/upgrade_fixture.hpp"

namespace relaunch::test {
namespace {

RELAUNCH_CHILD_MAIN(leaves_an_upgrader_to_exit) {
  Options options;
  options.name = "test";
  options.state_folder = text::path_from_utf8(args.at(0));
  options.handle_stop_requests = true;
  static Upgrader upgrader{std::move(options)};
  upgrader.listen("http", "tcp://127.0.0.1:0");
  upgrader.ready();
  return 0;
}

TEST(Upgrader, OfStaticDurationLetsItsProgramEnd) {
  const ScratchFolder scratch;
  const auto result = run_child(child_request("leaves_an_upgrader_to_exit",
                                              {text::utf8(scratch / "state")}));
  EXPECT_TRUE(result.in_time);
  EXPECT_EQ(result.status.text(), "exit code 0");
}

}  // namespace
}  // namespace relaunch::test
