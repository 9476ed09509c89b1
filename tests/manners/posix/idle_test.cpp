// Nothing wakes a server that nobody asks for anything.
#include <cctype>
#include <fstream>
#include <iterator>
#include <map>

#include "upgrade/upgrade_fixture.hpp"

namespace relaunch::test {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using testing::StartsWith;

/// How often each thread of a process has been given a processor so far.
std::map<std::string, std::uint64_t> switches(os::ProcessId id) {
  std::map<std::string, std::uint64_t> threads;
  const fs::path tasks = "/proc/" + std::to_string(id) + "/task";
  for (const auto& task : fs::directory_iterator{tasks}) {
    std::ifstream status(task.path() / "status");
    std::string line;
    while (std::getline(status, line)) {
      const auto at = line.find("ctxt_switches:");
      if (at == line.npos) continue;
      threads[task.path().filename()] +=
          std::stoull(line.substr(line.find(':') + 1));
    }
  }
  return threads;
}

bool sleeps(ServerUnderTest& server, os::ProcessId id, milliseconds length) {
  const auto before = switches(id);
  // Bounded by its end, which does not come.
  return !server.process().wait_gone(id, length) && switches(id) == before;
}

/// The first looks may still meet what follows the last answer: Asio's timer
/// for the gentle close comes also when it is not needed any more.
bool is_quiet(ServerUnderTest& server) {
  const os::ProcessId id = server.status().pid;
  for (int look = 0; look < 5; ++look) {
    if (sleeps(server, id, milliseconds{600})) break;
  }
  return sleeps(server, id, milliseconds{3000});
}

TEST(IdleServer, IsNotWokenBeforeAnyUpgrade) {
  ServerUnderTest server;
  EXPECT_TRUE(is_quiet(server));
}

TEST(IdleServer, IsNotWokenAfterAFailedUpgrade) {
  ServerUnderTest server;
  EXPECT_THAT(server.update_to({{"unhealthy", "1"}}).outcome,
              StartsWith("rolled back in probation: "));
  expect_untouched(server);
  EXPECT_TRUE(is_quiet(server));
}

TEST(IdleServer, IsNotWokenAfterACommittedUpgrade) {
  ServerUnderTest server;
  EXPECT_THAT(server.update_to({{"greeting", "two"}}).outcome,
              StartsWith("done generation=2"));
  EXPECT_TRUE(server.wait_alone(2)) << server.process().output();
  EXPECT_TRUE(is_quiet(server));
}

}  // namespace
}  // namespace relaunch::test
