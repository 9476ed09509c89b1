// A program may live without standard streams; what it opens next would get
// their numbers, and what it prints would go there.
#include <unistd.h>

#include "common/base/text.hpp"
#include "relaunch/upgrader.hpp"
#include "support/child.hpp"
#include "upgrade/upgrade_fixture.hpp"

namespace relaunch::test {
namespace {

namespace fs = std::filesystem;
using testing::StartsWith;

std::vector<std::string> streams_of(os::ProcessId id) {
  std::vector<std::string> targets;
  for (const char* stream : {"0", "1", "2"}) {
    const fs::path link = "/proc/" + std::to_string(id) + "/fd/" + stream;
    std::error_code none;
    targets.push_back(fs::read_symlink(link, none));
  }
  return targets;
}

bool are_open_on_nothing(os::ProcessId id) {
  return streams_of(id) == std::vector<std::string>(3, "/dev/null");
}

TEST(ClosedStreams, AreOpenOnNothingInEverySuccessor) {
  ServerUnderTest server(
      {.first = {{"greeting", "one"}, {"streams", "closed"}}});
  for (const char* greeting : {"two", "three"}) {
    EXPECT_THAT(server.update_to({{"greeting", greeting}}).outcome,
                StartsWith("done generation="));
    EXPECT_TRUE(are_open_on_nothing(server.status().pid));
  }
}

RELAUNCH_CHILD_MAIN(makes_an_upgrader_without_streams) {
  for (int stream = 0; stream < 3; ++stream) ::close(stream);
  Options options;
  options.name = "test";
  options.state_folder = text::path_from_utf8(args.at(0));
  const Upgrader upgrader{std::move(options)};
  return are_open_on_nothing(os::own_process_id()) ? 0 : 1;
}

TEST(ClosedStreams, AreOpenOnNothingBeforeTheLibraryOpensItsOwn) {
  const ScratchFolder scratch;
  const auto result = run_child(child_request(
      "makes_an_upgrader_without_streams", {text::utf8(scratch / "state")}));
  EXPECT_EQ(result.status.text(), "exit code 0");
}

}  // namespace
}  // namespace relaunch::test
