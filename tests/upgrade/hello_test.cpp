// What the example says when it cannot start, and to a script.
#include <string>
#include <vector>

#include "common/base/text.hpp"
#include "support/child.hpp"
#include "upgrade/upgrade_fixture.hpp"

namespace relaunch::test {
namespace {

using testing::HasSubstr;

struct Start {
  std::uint32_t code = 0;
  std::string output;
};

Start start_hello(const std::vector<std::string>& words) {
  os::LaunchRequest request;
  request.executable = std::filesystem::absolute(HELLO);
  request.arguments = {"hello"};
  request.arguments.insert(request.arguments.end(), words.begin(), words.end());
  request.environment = os::own_environment();
  const ChildResult result = run_child(std::move(request));
  EXPECT_TRUE(result.in_time);
  EXPECT_EQ(result.status.kind, os::ExitStatus::Kind::exited);
  return {result.status.code, result.output};
}

TEST(Hello, PortInUseIsNamedAndWhoServesThereIsLeftAlone) {
  ServerUnderTest server;
  ScratchFolder scratch;
  const std::string address =
      "tcp://127.0.0.1:" + std::to_string(server.port());
  const Start start = start_hello(
      {"--listen", address, "--state-folder", text::utf8(scratch / "state")});
  EXPECT_EQ(start.code, 69u);
  EXPECT_THAT(start.output, HasSubstr(address));
  EXPECT_EQ(server.hello(), "one");
}

TEST(Hello, MissingArtifactIsNamed) {
  ScratchFolder scratch;
  const Start start = start_hello(
      {"--listen", "tcp://127.0.0.1:0", "--state-folder",
       text::utf8(scratch / "state"), "--artifact", "no-such-program"});
  EXPECT_EQ(start.code, 65u);
  EXPECT_THAT(start.output, HasSubstr("no-such-program"));
}

TEST(Hello, StateFolderThatIsAFileIsNamed) {
  ScratchFolder scratch;
  write_file(scratch / "file", "");
  const Start start =
      start_hello({"--listen", "tcp://127.0.0.1:0", "--state-folder",
                   text::utf8(scratch / "file")});
  EXPECT_EQ(start.code, 74u);
  EXPECT_THAT(start.output, HasSubstr("file"));
}

TEST(Hello, AddressThatIsNoneIsNamed) {
  ScratchFolder scratch;
  const Start start =
      start_hello({"--listen", "localhost:http", "--state-folder",
                   text::utf8(scratch / "state")});
  EXPECT_EQ(start.code, 78u);
  EXPECT_THAT(start.output, HasSubstr("localhost:http"));
}

TEST(Hello, UnknownOptionIsNamed) {
  const Start start = start_hello({"--no-such-option"});
  EXPECT_EQ(start.code, 64u);
  EXPECT_THAT(start.output, HasSubstr("no-such-option"));
}

}  // namespace
}  // namespace relaunch::test
