// A listener at a path that the supervisor holds, whoever the supervisor is.
#include <sys/stat.h>

#include "common/base/text.hpp"
#include "supervisor/supervised_fixture.hpp"
#include "support/raw_stream.hpp"

namespace relaunch::test {
namespace {

namespace fs = std::filesystem;

class HeldUnixListener : public testing::Test {
 protected:
  Address address() const {
    return Address::parse(text::cat("unix://", path_)).value();
  }
  /// The program asks for another path: the configuration says where.
  ServerUnderTest& start(bool wait_until_serving = true) {
    return server_.emplace(
        supervised({.first = release("one"),
                    .settings = {{"check_deadline", "4000"}},
                    .held_listeners = {{"local", address().text()},
                                       {"spare", text::cat("unix://", spare_)}},
                    .wait_until_serving = wait_until_serving}));
  }
  Recipe release(const std::string& greeting) const {
    return {{"greeting", greeting},
            {"listener.local", text::cat("unix://", folder_ / "asked.sock")}};
  }
  std::string visit() const {
    const auto client = connect_raw(address());
    return receive_raw(client.get(), 100);
  }
  static ino_t inode(const fs::path& path) {
    struct stat found {};
    return ::lstat(path.c_str(), &found) == 0 ? found.st_ino : 0;
  }
  bool wait_for_service() {
    const auto until = std::chrono::steady_clock::now() + kStepDeadline;
    while (std::chrono::steady_clock::now() < until) {
      const auto status = supervisor_status(*server_);
      const auto* serving = status.if_contains("serving");
      if (serving && serving->as_bool()) return true;
    }
    return false;
  }
  void expect_gone() const {
    EXPECT_FALSE(fs::exists(path_));
    EXPECT_FALSE(fs::exists(spare_));
  }

  const ScratchFolder folder_;
  const fs::path path_ = folder_ / "app.sock";
  /// Of a listener that no generation asks for.
  const fs::path spare_ = folder_ / "spare.sock";
  std::optional<ServerUnderTest> server_;
};

TEST_F(HeldUnixListener, IsGivenWhateverPathTheProgramAsksForUntilTheStop) {
  auto& server = start();
  const auto before = inode(path_);
  EXPECT_EQ(visit(), "one");
  server.next_build(release("two"));
  EXPECT_EQ(upgrade(server).result, Outcome::Result::done)
      << server.process().output();
  EXPECT_EQ(visit(), "two");
  EXPECT_EQ(inode(path_), before);
  EXPECT_FALSE(fs::exists(folder_ / "asked.sock"));
  EXPECT_TRUE(server.process().stop(kStepDeadline));
  expect_gone();
}

TEST_F(HeldUnixListener, IsStillTheSupervisorsAfterAnotherBuildHasTakenOver) {
  auto& server = start();
  const auto before = inode(path_);
  const auto spare = inode(spare_);
  const auto answer = ask(server, control::Verb::replace);
  ASSERT_TRUE(answer && !answer->error.code()) << server.process().output();
  ASSERT_TRUE(server.process().wait_for_line("letting go", kStepDeadline));
  ASSERT_TRUE(wait_for_service()) << server.process().output();
  EXPECT_EQ(visit(), "one");
  EXPECT_EQ(inode(path_), before);
  EXPECT_EQ(inode(spare_), spare);
  EXPECT_TRUE(server.process().stop(kStepDeadline));
  expect_gone();
}

TEST_F(HeldUnixListener, IsOwnedByTheNextSupervisorAfterOneWasKilled) {
  auto& server = start();
  const auto before = inode(path_);
  const auto killed = server.process().processes().front();
  server.process().kill(killed);
  ASSERT_TRUE(server.process().wait_gone(killed, kStepDeadline));
  EXPECT_EQ(visit(), "one");  // nobody else has noticed
  const auto next = server.start_another();
  ASSERT_TRUE(wait_for_service()) << next->output();
  EXPECT_EQ(visit(), "one");
  EXPECT_EQ(inode(path_), before);
  EXPECT_TRUE(next->stop(kStepDeadline)) << next->output();
  EXPECT_TRUE(server.process().stop(kStepDeadline));
  expect_gone();
}

TEST_F(HeldUnixListener, ThatCannotBeHadLeavesNoneOfTheOthersBehind) {
  write_file(spare_, "somebody's");
  const auto& server = start(false);
  ASSERT_TRUE(server.process().wait_gone(server.process().processes().front(),
                                         kStepDeadline));
  EXPECT_THAT(server.process().output(), testing::HasSubstr("it is no socket"));
  EXPECT_FALSE(fs::exists(path_));
  EXPECT_EQ(file_content(spare_), "somebody's");
}

}  // namespace
}  // namespace relaunch::test
