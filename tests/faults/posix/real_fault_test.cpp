// What an upgrade needs is not there, or a whole process stands still, and it
// is the system that does it. Afterwards, with the fault gone, all is as
// before.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "faults/fault_fixture.hpp"
#include "faults/posix/real_faults.hpp"

namespace relaunch::test {
namespace {

using testing::AnyOf;
using testing::StartsWith;
namespace fs = std::filesystem;

/// The end of the pipe where the build reads its recipe, when it does.
os::Handle wait_for_build(const ServerUnderTest& server) {
  const auto until = std::chrono::steady_clock::now() + kStepDeadline;
  const fs::path recipe = server.path("recipe");
  for (;;) {
    os::Handle end{::open(recipe.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC)};
    if (end) return end;
    if (std::chrono::steady_clock::now() > until) {
      throw std::runtime_error("the build was never started");
    }
    (void)server.hello();
  }
}

/// Does `harm` when the build runs; everything after that meets it.
UpdateAnswer update_harmed(ServerUnderTest& server, const Recipe& recipe,
                           const std::function<void()>& harm) {
  const fs::path pipe = server.path("recipe");
  fs::remove(pipe);
  if (::mkfifo(pipe.c_str(), 0600) != 0) {
    throw std::runtime_error("cannot make a pipe for the recipe");
  }
  auto answer = std::async(std::launch::async, [&] { return server.update(); });
  os::Handle end = wait_for_build(server);
  harm();
  const std::string text = to_text(recipe);
  EXPECT_EQ(::write(end.get(), text.data(), text.size()),
            static_cast<ssize_t>(text.size()));
  end.reset();
  UpdateAnswer got = answer.get();
  fs::remove(pipe);
  return got;
}

struct Harm {
  std::function<void(unsigned room)> narrow;
  std::function<void()> widen;
  std::string error;     ///< the system's text
  std::string key = {};  ///< of the recipe, for the room; may be empty
};

/// Was it told what had been lacking, in the answer or by the successor?
testing::AssertionResult is_told(const std::string& error, std::string told,
                                 const ServerUnderTest& server,
                                 std::size_t skip) {
  if (told.find(error) != told.npos ||
      server.process().wait_for_line_after(skip, error, kStepDeadline)) {
    return testing::AssertionSuccess();
  }
  const auto lines = server.process().lines();
  for (std::size_t i = skip; i < lines.size(); ++i) told += '\n' + lines[i];
  return testing::AssertionFailure() << "'" << error << "' is not in: " << told;
}

/// With no room, then a little more each time, until an upgrade is done: it
/// has failed at each place that needs some.
void expect_harmless(FaultyUpgrade& upgrade, const Harm& harm) {
  constexpr unsigned kMost = 40;
  auto& server = upgrade.server();
  std::string greeting;
  for (unsigned room = 0;; ++room) {
    ASSERT_LE(room, kMost) << server.process().output();
    const std::size_t before = server.process().lines().size();
    greeting = "room " + std::to_string(room);
    Recipe recipe{{"greeting", greeting}};
    if (!harm.key.empty()) recipe[harm.key] = std::to_string(room);
    const UpdateAnswer answer =
        update_harmed(server, recipe, [&] { harm.narrow(room); });
    harm.widen();
    if (answer.outcome.starts_with("done generation=2")) {
      EXPECT_GT(room, 0u) << "nothing was lacking";
      break;
    }
    ASSERT_THAT(answer.outcome,
                AnyOf(StartsWith("failed in "), StartsWith("rolled back in ")))
        << greeting << "\n"
        << server.process().output();
    EXPECT_TRUE(is_told(harm.error, answer.outcome, server, before));
    expect_untouched(server);
  }
  upgrade.expect_little_lost(false);
  upgrade.expect_serves(2, greeting);
  upgrade.expect_next_works(2);
}

void unlimit_all(ServerUnderTest& server, Scarce what) {
  for (const auto id : server.process().living()) {
    try {
      unlimit(id, what);
    } catch (const std::system_error&) {
      // It has ended since.
    }
  }
}

constexpr char kNoDescriptors[] = "Too many open files";

TEST(RealFault, IncumbentThatMayOpenNothingMoreServesOn) {
  FaultyUpgrade upgrade;
  auto& server = upgrade.server();
  const os::ProcessId first = server.status().pid;
  // Requests that end meanwhile give some back: so none at first is none that
  // a request could have had.
  constexpr rlim_t kSinceTheStart = 8;
  const auto narrow = [&](unsigned room) {
    limit(first, Scarce::descriptors,
          room == 0 ? kSinceTheStart : descriptors_with(first, room));
  };
  const auto widen = [&] { unlimit_all(server, Scarce::descriptors); };
  expect_harmless(upgrade, {narrow, widen, kNoDescriptors});
}

TEST(RealFault, SuccessorThatMayOpenNothingMoreCostsNothing) {
  FaultyUpgrade upgrade;
  auto& server = upgrade.server();
  const auto widen = [&] { unlimit_all(server, Scarce::descriptors); };
  expect_harmless(upgrade,
                  {[](unsigned) {}, widen, kNoDescriptors, "handles_left"});
}

TEST(RealFault, IncumbentThatMayStartNothingMoreServesOn) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs a user of its own: root";
  const auto missing = run_with_own(Own::user, [] {
    FaultyUpgrade upgrade;
    auto& server = upgrade.server();
    const os::ProcessId first = server.status().pid;
    // Counted for the user: this test and the server itself are some already.
    const auto narrow = [&](unsigned room) {
      limit(first, Scarce::tasks, room);
    };
    const auto widen = [&] { unlimit_all(server, Scarce::tasks); };
    expect_harmless(upgrade,
                    {narrow, widen, "Resource temporarily unavailable"});
  });
  if (missing) GTEST_SKIP() << *missing;
}

TEST(RealFault, DescriptorsThatCannotBeSentCostNothing) {
  const auto missing = run_with_own(Own::user, [] {
    const std::map<std::string, std::string> settings{{"hello", "1000"},
                                                      {"ready", "1000"}};
    FaultyUpgrade upgrade(settings);
    auto& server = upgrade.server();
    const os::ProcessId first = server.status().pid;
    std::optional<InFlight> in_flight;
    const auto crowd = [&] {
      limit(first, Scarce::descriptors, 128);
      in_flight.emplace(250);
    };
    const UpdateAnswer answer =
        update_harmed(server, {{"greeting", "two"}}, crowd);
    EXPECT_THAT(answer.outcome, StartsWith("failed in "))
        << server.process().output();
    in_flight.reset();
    unlimit_all(server, Scarce::descriptors);
    upgrade.expect_little_lost(false);
    upgrade.expect_serves(1, "one");
    upgrade.expect_next_works(1);
  });
  if (missing) GTEST_SKIP() << *missing;
}

TEST(RealFault, DescriptorsAreSentWhenThereIsRoom) {
  const auto missing = run_with_own(Own::user, [] {
    FaultyUpgrade upgrade;
    auto& server = upgrade.server();
    const std::size_t before = server.process().lines().size();
    std::optional<InFlight> in_flight;
    std::promise<void> full;
    auto answer = std::async(std::launch::async, [&] {
      return update_harmed(server, {{"greeting", "two"}}, [&] {
        limit(server.process().living().front(), Scarce::descriptors, 128);
        in_flight.emplace(250);
        full.set_value();
      });
    });
    ASSERT_EQ(full.get_future().wait_for(kStepDeadline),
              std::future_status::ready);
    EXPECT_TRUE(server.process().wait_for_line_after(
        before, "started pid=", kStepDeadline));
    in_flight.reset();
    EXPECT_THAT(answer.get().outcome, StartsWith("done generation=2"))
        << server.process().output();
    unlimit_all(server, Scarce::descriptors);
    upgrade.expect_little_lost(false);
    upgrade.expect_serves(2, "two");
    upgrade.expect_next_works(2);
  });
  if (missing) GTEST_SKIP() << *missing;
}

TEST(RealFault, FullDiskCostsAtMostTheUpgrade) {
  const auto missing = run_with_own(Own::mounts, [] {
    const ScratchFolder folder;
    const Disk disk(folder.path(), 256U << 20);
    ::setenv("TMPDIR", folder.path().c_str(), 1);
    FaultyUpgrade upgrade;
    auto& server = upgrade.server();
    const fs::path filler = folder.path() / "filler";
    const std::size_t release = fs::file_size(server.artifact());
    // The build writes its own file anew. First there is no room for the
    // release, then for a page more each time: its record, then the commit's.
    const auto narrow = [&](unsigned room) {
      constexpr std::size_t kPage = 4096;
      fill_disk(filler, room == 0 ? 4 * kPage : release + room * kPage);
    };
    const auto widen = [&] { fs::remove(filler); };
    expect_harmless(upgrade, {narrow, widen, "No space left on device"});
  });
  if (missing) GTEST_SKIP() << *missing;
}

TEST(RealFault, ReadOnlyStateCostsAtMostTheUpgrade) {
  const auto missing = run_with_own(Own::mounts, [] {
    FaultyUpgrade upgrade(
        std::map<std::string, std::string>{{"probation", "1500"}});
    auto& server = upgrade.server();
    std::optional<ReadOnly> harm;
    UpdateAnswer answer = update_harmed(server, {{"greeting", "two"}}, [&] {
      harm.emplace(server.path("state"));
    });
    EXPECT_THAT(answer.outcome, StartsWith("failed in stage: "));
    harm.reset();
    expect_untouched(server);

    upgrade.begin({{"greeting", "three"}});
    ASSERT_TRUE(upgrade.wait_for_successor());
    harm.emplace(server.path("state"));
    EXPECT_THAT(upgrade.answer().outcome, StartsWith("rolled back in commit: "))
        << server.process().output();
    harm.reset();
    upgrade.expect_little_lost(false);
    upgrade.expect_serves(1, "one");
    upgrade.expect_next_works(1);
  });
  if (missing) GTEST_SKIP() << *missing;
}

class Standstill : public testing::Test {
 protected:
  static void send(os::ProcessId id, int signal) {
    EXPECT_EQ(::kill(static_cast<pid_t>(id), signal), 0);
  }
  void stop(os::ProcessId id) {
    send(id, SIGSTOP);
    const auto until = std::chrono::steady_clock::now() + kStepDeadline;
    while (!is_stopped(id) && std::chrono::steady_clock::now() < until) {
      std::this_thread::yield();
    }
    EXPECT_TRUE(is_stopped(id));
  }
};

using Settings = std::map<std::string, std::string>;

TEST_F(Standstill, OfTheSuccessorInPrepareEndsAtTheDeadline) {
  FaultyUpgrade upgrade(Settings{{"ready", "1500"}});
  auto& process = upgrade.server().process();
  const std::size_t before = process.lines().size();
  upgrade.begin({{"never_ready", "1"}});
  ASSERT_TRUE(
      process.wait_for_line_after(before, "listening http", kStepDeadline));
  stop(process.living().back());
  EXPECT_THAT(upgrade.answer().outcome, StartsWith("failed in prepare: "))
      << process.output();
  upgrade.expect_little_lost(false);
  upgrade.expect_serves(1, "one");
  upgrade.expect_next_works(1);
}

TEST_F(Standstill, OfTheSuccessorInProbationIsRolledBack) {
  FaultyUpgrade upgrade(
      Settings{{"probation", "2500"}, {"health", "400"}, {"turn", "400"}});
  auto& process = upgrade.server().process();
  const std::size_t before = process.lines().size();
  upgrade.begin({{"greeting", "two"}});
  ASSERT_TRUE(
      process.wait_for_line_after(before, "phase=probation", kStepDeadline));
  stop(process.living().back());
  EXPECT_THAT(upgrade.answer().outcome,
              StartsWith("rolled back in probation: "))
      << process.output();
  upgrade.expect_little_lost(true);
  upgrade.expect_serves(1, "one");
  upgrade.expect_next_works(1);
}

TEST_F(Standstill, OfTheIncumbentInPrepareOnlyDelays) {
  FaultyUpgrade upgrade;
  auto& process = upgrade.server().process();
  const os::ProcessId first = process.living().front();
  const std::size_t before = process.lines().size();
  upgrade.begin({{"greeting", "two"}, {"slow_ready", "200"}});
  ASSERT_TRUE(
      process.wait_for_line_after(before, "listening http", kStepDeadline));
  stop(first);
  EXPECT_EQ(process.living().size(), 2u);
  send(first, SIGCONT);
  EXPECT_THAT(upgrade.answer().outcome, StartsWith("done generation=2"))
      << process.output();
  upgrade.expect_little_lost(false);
  upgrade.expect_serves(2, "two");
  upgrade.expect_next_works(2);
}

TEST_F(Standstill, OfTheIncumbentInProbationDelaysTheCommit) {
  FaultyUpgrade upgrade(Settings{{"probation", "400"}});
  auto& process = upgrade.server().process();
  const os::ProcessId first = process.living().front();
  upgrade.begin({{"greeting", "two"}});
  ASSERT_TRUE(upgrade.wait_for_successor());
  stop(first);
  const auto status = upgrade.server().status();
  EXPECT_EQ(status.generation, 2u);
  EXPECT_EQ(status.phase, "probation");
  send(first, SIGCONT);
  EXPECT_THAT(upgrade.answer().outcome, StartsWith("done generation=2"))
      << process.output();
  upgrade.expect_little_lost(false);
  upgrade.expect_serves(2, "two");
  upgrade.expect_next_works(2);
}

TEST_F(Standstill, OfTheIncumbentInDrainEndsAtTheDeadline) {
  ServerUnderTest server({.first = {{"greeting", "one"}, {"stuck_drain", "1"}},
                          .settings = {{"drain", "500"}, {"grace", "300"}}});
  auto& process = server.process();
  const os::ProcessId first = process.living().front();
  const std::size_t before = process.lines().size();
  EXPECT_THAT(server.update_to({{"greeting", "two"}}).outcome,
              StartsWith("done generation=2"));
  ASSERT_TRUE(process.wait_for_line_after(before, "draining", kStepDeadline));
  stop(first);
  EXPECT_TRUE(process.wait_gone(first, kStepDeadline)) << process.output();
  EXPECT_EQ(server.hello(), "two");
  expect_next_upgrade_works(server, 2);
}

}  // namespace
}  // namespace relaunch::test
