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

TEST(Hello, ReadingTheUpdatePathChangesNothing) {
  ServerUnderTest server;
  server.next_build({{"greeting", "two"}});
  HttpRequest request;
  request.path = "/update";
  for (const char* method : {"GET", "PUT"}) {
    request.method = method;
    const auto answer = http_call(server.port(), request, kStepDeadline);
    EXPECT_EQ(answer.value().status, 405u) << method;
    EXPECT_EQ(answer.value().header("Allow"), "POST") << method;
  }
  EXPECT_EQ(server.status().phase, "idle");
  EXPECT_EQ(server.status().last_outcome, "");
  EXPECT_EQ(server.hello(), "one");
}

TEST(Hello, OutcomeAndStatusTellWhenEachPhaseBegan) {
  ServerUnderTest server;
  const std::string outcome = server.update_to({{"greeting", "two"}}).outcome;
  std::size_t at = outcome.find("began_us=");
  ASSERT_NE(at, std::string::npos) << outcome;
  std::uint64_t before = 0;
  for (const char* phase : {"build:", "stage:", "launch:", "prepare:",
                            "switch:", "probation:", "commit:"}) {
    at = outcome.find(phase, at);
    ASSERT_NE(at, std::string::npos) << phase << " in " << outcome;
    const std::uint64_t began =
        std::stoull(outcome.substr(at + std::string_view{phase}.size()));
    EXPECT_GE(began, before) << phase << " in " << outcome;
    before = began;
  }
  const std::string status = server.get(server.port(), "/status");
  for (const char* phase :
       {"launch", "prepare", "switch", "probation", "commit"}) {
    EXPECT_THAT(status, HasSubstr('"' + std::string{phase} + '"'));
  }
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
