// A listener at a path, through upgrades, rollbacks and stops.
#include <sys/stat.h>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <set>
#include <thread>

#include "common/base/text.hpp"
#include "support/raw_stream.hpp"
#include "upgrade/upgrade_fixture.hpp"

namespace relaunch::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::StartsWith;

Address local(const fs::path& path) {
  return Address::parse(text::cat("unix://", path)).value();
}

/// What the server says to one client, or why it says nothing.
std::string visit(const Address& address) {
  try {
    const auto client = connect_raw(address);
    return receive_raw(client.get(), 100);
  } catch (const Error& error) {
    return error.text();
  }
}

/// A client after the other, each to the end.
class Visitors {
 public:
  explicit Visitors(Address address)
      : address_(std::move(address)), thread_([this] { run(); }) {}
  ~Visitors() { stop(); }
  Visitors(const Visitors&) = delete;
  Visitors& operator=(const Visitors&) = delete;

  bool wait_for_more(std::size_t more) {
    std::unique_lock lock(mutex_);
    const std::size_t wanted = visits_ + more;
    return changed_.wait_for(lock, kStepDeadline,
                             [&] { return visits_ >= wanted; });
  }
  /// Everything that was ever said.
  std::set<std::string> stop() {
    stopped_ = true;
    if (thread_.joinable()) thread_.join();
    return said_;
  }

 private:
  void run() {
    while (!stopped_) {
      const std::string answer = visit(address_);
      const std::lock_guard lock(mutex_);
      said_.insert(answer);
      ++visits_;
      changed_.notify_all();
    }
  }

  Address address_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<std::string> said_;
  std::size_t visits_ = 0;
  std::atomic<bool> stopped_{false};
  std::thread thread_;
};

class UnixListener : public testing::Test {
 protected:
  /// A release with a listener at this path, beside "http".
  Recipe release(const std::string& greeting) const {
    return {{"greeting", greeting}, {"listener.local", local(path_).text()}};
  }
  ServerUnderTest& start() { return server_.emplace(setup()); }
  ServerSetup setup() const { return {.first = release("one")}; }
  struct stat facts() const {
    struct stat found {};
    EXPECT_EQ(::lstat(path_.c_str(), &found), 0);
    return found;
  }

  const ScratchFolder folder_;
  const fs::path path_ = folder_ / "app.sock";
  std::optional<ServerUnderTest> server_;
};

TEST_F(UnixListener, NoClientIsRefusedAndThePathAndItsPermissionsStay) {
  auto& server = start();
  ASSERT_EQ(::chmod(path_.c_str(), 0604), 0);
  const auto before = facts();
  Visitors visitors{local(path_)};
  ASSERT_TRUE(visitors.wait_for_more(20));
  for (const char* greeting : {"two", "three"}) {
    EXPECT_THAT(server.update_to(release(greeting)).outcome,
                StartsWith("done generation="))
        << server.process().output();
    EXPECT_TRUE(visitors.wait_for_more(20));
  }
  EXPECT_TRUE(server.wait_alone(3)) << server.process().output();
  EXPECT_TRUE(visitors.wait_for_more(20));
  EXPECT_THAT(visitors.stop(),
              testing::UnorderedElementsAre("one", "two", "three"));
  EXPECT_EQ(facts().st_ino, before.st_ino);
  EXPECT_EQ(facts().st_mode, before.st_mode);
  EXPECT_FALSE(fs::exists(path_.string() + ".lock"));
}

TEST_F(UnixListener, PathIsThereAndServedAfterARollback) {
  auto& server = start();
  const auto before = facts();
  Visitors visitors{local(path_)};
  Recipe sick = release("two");
  sick["unhealthy"] = "1";
  EXPECT_THAT(server.update_to(sick).outcome,
              StartsWith("rolled back in probation: "))
      << server.process().output();
  EXPECT_TRUE(server.wait_alone(1)) << server.process().output();
  EXPECT_TRUE(visitors.wait_for_more(20));
  const auto said = visitors.stop();
  EXPECT_THAT(said, testing::IsSubsetOf({"one", "two"}));
  EXPECT_EQ(visit(local(path_)), "one");
  EXPECT_EQ(facts().st_ino, before.st_ino);
}

TEST_F(UnixListener, WhatASuccessorHasOpenedIsGoneAfterItsRollback) {
  auto& server = start();
  const fs::path added = folder_ / "added.sock";
  Recipe sick = release("two");
  sick["listener.added"] = local(added).text();
  sick["unhealthy"] = "1";
  EXPECT_THAT(server.update_to(sick).outcome,
              StartsWith("rolled back in probation: "))
      << server.process().output();
  EXPECT_TRUE(server.wait_alone(1)) << server.process().output();
  EXPECT_FALSE(fs::exists(added));
  EXPECT_EQ(visit(local(path_)), "one");
  EXPECT_THAT(server.process().output(), HasSubstr("listening added"));
}

TEST_F(UnixListener, WhatASuccessorHasOpenedIsHandedOnAndGoneAfterTheStop) {
  auto& server = start();
  const fs::path added = folder_ / "added.sock";
  Recipe two = release("two");
  two["listener.added"] = local(added).text();
  EXPECT_THAT(server.update_to(two).outcome, StartsWith("done generation=2"))
      << server.process().output();
  Recipe three = two;
  three["greeting"] = "three";
  EXPECT_THAT(server.update_to(three).outcome, StartsWith("done generation=3"))
      << server.process().output();
  EXPECT_EQ(visit(local(added)), "three");
  EXPECT_TRUE(server.process().stop(kStepDeadline));
  EXPECT_FALSE(fs::exists(added));
  EXPECT_FALSE(fs::exists(path_));
}

TEST_F(UnixListener, PathIsGoneWhenTheSuccessorDoesNotTakeIt) {
  auto& server = start();
  EXPECT_EQ(visit(local(path_)), "one");
  EXPECT_THAT(server.update_to({{"greeting", "two"}}).outcome,
              StartsWith("done generation=2"))
      << server.process().output();
  EXPECT_TRUE(server.wait_alone(2)) << server.process().output();
  EXPECT_FALSE(fs::exists(path_));
  EXPECT_THAT(server.update_to(release("three")).outcome,
              StartsWith("done generation=3"))
      << server.process().output();
  EXPECT_EQ(visit(local(path_)), "three");
}

TEST_F(UnixListener, PathThatMovesIsGoneWhereItWas) {
  auto& server = start();
  const fs::path moved = folder_ / "moved.sock";
  EXPECT_THAT(server
                  .update_to({{"greeting", "two"},
                              {"listener.local", local(moved).text()}})
                  .outcome,
              StartsWith("done generation=2"))
      << server.process().output();
  EXPECT_TRUE(server.wait_alone(2)) << server.process().output();
  EXPECT_FALSE(fs::exists(path_));
  EXPECT_EQ(visit(local(moved)), "two");
}

TEST_F(UnixListener, PathThatSomebodyElseHasReplacedStaysAfterTheStop) {
  auto& server = start();
  ASSERT_TRUE(fs::remove(path_));
  write_file(path_, "somebody's");
  EXPECT_TRUE(server.process().stop(kStepDeadline));
  EXPECT_EQ(file_content(path_), "somebody's");
}

TEST_F(UnixListener, PathOfAKilledServerIsTakenByTheNextStart) {
  auto& server = start();
  server.process().kill_all();
  ASSERT_TRUE(server.process().wait_gone(server.process().processes().back(),
                                         kStepDeadline));
  EXPECT_TRUE(fs::is_socket(path_));
  server.start_again();
  EXPECT_EQ(visit(local(path_)), "one");
  EXPECT_TRUE(server.process().stop(kStepDeadline));
  EXPECT_FALSE(fs::exists(path_));
}

TEST_F(UnixListener, PathThatAnotherServesFailsTheUpgradeAndStays) {
  auto& server = start();
  const fs::path taken = folder_ / "taken.sock";
  ServerUnderTest other{{.first = {{"greeting", "other"},
                                   {"listener.local", local(taken).text()}}}};
  Recipe two = release("two");
  two["listener.taken"] = local(taken).text();
  EXPECT_THAT(server.update_to(two).outcome, StartsWith("failed in prepare: "))
      << server.process().output();
  EXPECT_EQ(visit(local(taken)), "other");
  EXPECT_EQ(visit(local(path_)), "one");
  expect_untouched(server);
}

}  // namespace
}  // namespace relaunch::test
