// Faults that the system itself can make: a full and a read-only disk, no more
// descriptors, a process that is stopped.
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <filesystem>
#include <string>

#include "upgrade/upgrade_fixture.hpp"

namespace relaunch::test {
namespace {

namespace fs = std::filesystem;
using testing::AnyOf;
using testing::HasSubstr;
using testing::StartsWith;

/// A small disk, seen by this test and the programs that it starts only.
class SmallDisk {
 public:
  SmallDisk() {
    mounted_ =
        ::unshare(CLONE_NEWNS) == 0 &&
        ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
        ::mount("none", folder_.path().c_str(), "tmpfs", 0, "size=64m") == 0;
  }
  ~SmallDisk() {
    if (mounted_) ::umount2(folder_.path().c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  /// False: no right to mount here.
  bool mounted() const { return mounted_; }
  fs::path state() const { return folder_ / "state"; }
  bool resize(const char* size) {
    return ::mount("none", folder_.path().c_str(), nullptr, MS_REMOUNT, size) ==
           0;
  }
  bool make_read_only(bool yes) {
    return ::mount("none", folder_.path().c_str(), nullptr,
                   MS_REMOUNT | (yes ? MS_RDONLY : 0), nullptr) == 0;
  }

 private:
  ScratchFolder folder_;
  bool mounted_ = false;
};

TEST(RealFault, FullDiskCostsTheUpgradeOnly) {
  SmallDisk disk;
  if (!disk.mounted()) GTEST_SKIP() << "no right to mount a file system";
  ServerUnderTest server({.state = disk.state()});
  ASSERT_TRUE(disk.resize("size=256k"));  // a release takes megabytes
  LoadClient load(server.load(Connections::fresh));
  const UpdateAnswer answer = server.update_to({{"greeting", "two"}});
  EXPECT_THAT(answer.outcome, StartsWith("failed in stage: "));
  EXPECT_THAT(answer.outcome, HasSubstr("No space left on device"));
  const LoadReport report = load.stop();
  EXPECT_EQ(report.failed(), 0u) << report.text();
  expect_untouched(server);
  ASSERT_TRUE(disk.resize("size=64m"));
  expect_next_upgrade_works(server);
}

TEST(RealFault, ReadOnlyStateFolderCostsTheUpgradeOnly) {
  SmallDisk disk;
  if (!disk.mounted()) GTEST_SKIP() << "no right to mount a file system";
  ServerUnderTest server({.state = disk.state()});
  ASSERT_TRUE(disk.make_read_only(true));
  const UpdateAnswer answer = server.update_to({{"greeting", "two"}});
  EXPECT_THAT(answer.outcome, StartsWith("failed in stage: "));
  EXPECT_THAT(answer.outcome, HasSubstr("Read-only file system"));
  expect_untouched(server);
  ASSERT_TRUE(disk.make_read_only(false));
  expect_next_upgrade_works(server);
}

// The record is what the commit hangs on.
TEST(RealFault, RecordThatCannotBeWrittenTakesTheUpgradeBack) {
  SmallDisk disk;
  if (!disk.mounted()) GTEST_SKIP() << "no right to mount a file system";
  ServerUnderTest server(
      {.settings = {{"probation", "1000"}}, .state = disk.state()});
  const std::size_t before = server.process().lines().size();
  auto answer = server.begin_update({{"greeting", "two"}, {"build_lines", "1"}},
                                    "[1/1] compiling");
  ASSERT_TRUE(server.wait_for_turn(before));  // the successor's
  ASSERT_TRUE(disk.make_read_only(true));
  const std::string outcome = answer.get().outcome;
  EXPECT_THAT(outcome, StartsWith("rolled back in probation: cannot write "));
  EXPECT_THAT(outcome, HasSubstr("Read-only file system"));
  expect_untouched(server);
  ASSERT_TRUE(disk.make_read_only(false));
  expect_next_upgrade_works(server);
}

/// So many descriptors can be opened by this process, beside those it has.
void limit_descriptors(os::ProcessId id, rlim_t spare) {
  const fs::directory_iterator open{"/proc/" + std::to_string(id) + "/fd"};
  const auto count = static_cast<rlim_t>(std::distance(begin(open), end(open)));
  rlimit limit{};
  ASSERT_EQ(::prlimit(static_cast<pid_t>(id), RLIMIT_NOFILE, nullptr, &limit),
            0);
  limit.rlim_cur = spare == RLIM_INFINITY ? limit.rlim_max : count + spare;
  ASSERT_EQ(::prlimit(static_cast<pid_t>(id), RLIMIT_NOFILE, &limit, nullptr),
            0);
}

class FewDescriptors : public testing::TestWithParam<int> {};

// Whatever it is that finds none left: build, staging, channel, launch, watch,
// or the successor, which inherits the limit.
TEST_P(FewDescriptors, CostTheUpgradeOnly) {
  ServerUnderTest server({.settings = {{"hello", "3000"}, {"ready", "3000"}}});
  const os::ProcessId first = server.status().pid;
  limit_descriptors(first, static_cast<rlim_t>(GetParam()));
  const UpdateAnswer answer = server.update_to({{"greeting", "two"}});
  EXPECT_THAT(answer.outcome,
              AnyOf(StartsWith("failed in "), StartsWith("rolled back in "),
                    StartsWith("done ")))
      << server.process().output();
  const ServerStatus serving = server.status();
  EXPECT_THAT(answer.outcome,
              HasSubstr("generation=" + std::to_string(serving.generation)));
  EXPECT_TRUE(server.wait_alone(serving.generation))
      << server.process().output();
  limit_descriptors(serving.pid, RLIM_INFINITY);
  expect_next_upgrade_works(server, serving.generation);
}
// One is taken by the connection that asks.
INSTANTIATE_TEST_SUITE_P(Spare, FewDescriptors, testing::Range(2, 14));

void signal_to(os::ProcessId id, int signal) {
  auto process = os::open_process(id);
  ASSERT_TRUE(process);
  ASSERT_EQ(::kill(static_cast<pid_t>(process->id()), signal), 0);
}

TEST(StoppedProcess, SuccessorInPreparationIsEndedAtTheReadyDeadline) {
  ServerUnderTest server({.settings = {{"ready", "700"}}});
  const std::size_t before = server.process().lines().size();
  auto answer = server.begin_update(
      {{"never_ready", "1"}, {"build_lines", "1"}}, "[1/1] compiling");
  ASSERT_TRUE(server.process().wait_for_line_after(before, "listening http",
                                                   kStepDeadline));
  signal_to(server.process().processes().back(), SIGSTOP);
  EXPECT_THAT(answer.get().outcome, StartsWith("failed in prepare: "));
  expect_untouched(server);
  expect_next_upgrade_works(server);
}

TEST(StoppedProcess, SuccessorInProbationIsEndedAndTheIncumbentServesAgain) {
  ServerUnderTest server(
      {.settings = {
           {"probation", "20000"}, {"health", "300"}, {"turn", "300"}}});
  const std::size_t before = server.process().lines().size();
  auto answer = server.begin_update({{"greeting", "two"}, {"build_lines", "1"}},
                                    "[1/1] compiling");
  ASSERT_TRUE(server.process().wait_for_line_after(before, "phase=probation",
                                                   kStepDeadline));
  signal_to(server.process().processes().back(), SIGSTOP);
  EXPECT_THAT(answer.get().outcome, StartsWith("rolled back in probation: "));
  expect_untouched(server);
}

TEST(StoppedProcess, IncumbentThatGoesOnFinishesItsUpgrade) {
  ServerUnderTest server({.settings = {{"probation", "600"}}});
  const os::ProcessId first = server.status().pid;
  const std::size_t before = server.process().lines().size();
  auto answer = server.begin_update({{"greeting", "two"}, {"build_lines", "1"}},
                                    "[1/1] compiling");
  ASSERT_TRUE(server.wait_for_turn(before));
  signal_to(first, SIGSTOP);
  // Whoever has the turn serves, and nobody else accepts.
  for (int i = 0; i < 20; ++i) EXPECT_EQ(server.hello(), "two");
  signal_to(first, SIGCONT);
  EXPECT_THAT(answer.get().outcome, StartsWith("done generation=2"));
  EXPECT_TRUE(server.wait_alone(2)) << server.process().output();
  expect_next_upgrade_works(server, 2);
}

}  // namespace
}  // namespace relaunch::test
