// The command as process 1 of a process namespace, as in a container.
#include <gmock/gmock.h>
#include <signal.h>

#include <fstream>
#include <optional>

#include "cli/command.hpp"
#include "common/base/text.hpp"
#include "support/event_wait.hpp"
#include "support/scratch_folder.hpp"
#include "support/server_process.hpp"

namespace relaunch::test {
namespace {

using testing::SizeIs;

/// https://man7.org/linux/man-pages/man5/proc_pid_task_tid_children.5.html
std::vector<pid_t> children_of(pid_t pid) {
  const auto number = std::to_string(pid);
  std::ifstream file{"/proc/" + number + "/task/" + number + "/children"};
  std::vector<pid_t> children;
  for (pid_t child = 0; file >> child;) children.push_back(child);
  return children;
}

/// A program that leaves orphans, and then waits to be told to end.
constexpr char kProgram[] =
    "trap 'echo told to end; exit 0' TERM;"
    "for i in 1 2 3 4 5; do (true &); done; echo orphans left;"
    "mkfifo $1; while :; do read line < $1; done";

class Container : public testing::Test {
 protected:
  void start() {
    auto request =
        command({"run", "--name", "box", "--state-folder",
                 text::utf8(folder_ / "state"), "--run-folder",
                 text::utf8(folder_ / "run"), "--readiness", "none",
                 // Its numbers are those of the namespace: nobody else's.
                 "--log-file", text::utf8(folder_ / "log"), "--", "/bin/sh",
                 "-c", kProgram, "sh", text::utf8(folder_ / "f")});
    const std::string inner = text::utf8(request.executable);
    request.executable = "/usr/bin/unshare";
    std::vector<std::string> words{"unshare", "--user", "--map-root-user",
                                   "--pid",   "--fork", "--kill-child",
                                   inner};
    words.insert(words.end(), request.arguments.begin() + 1,
                 request.arguments.end());
    request.arguments = std::move(words);
    server_.emplace(std::move(request));
    ASSERT_TRUE(server_->wait_for_line("orphans left", kPatience))
        << server_->output();
    const auto inside = children_of(outside());
    ASSERT_THAT(inside, SizeIs(1));
    init_ = inside.front();
  }
  pid_t outside() const {
    return static_cast<pid_t>(server_->processes().front());
  }
  void expect_left(std::string_view exit) {
    ASSERT_TRUE(server_->wait_gone(server_->processes().front(), kPatience))
        << server_->output();
    EXPECT_EQ(server_->first_exit_status()->text(), exit) << server_->output();
  }

  ScratchFolder folder_;
  std::optional<ServerProcess> server_;
  pid_t init_ = 0;
};

TEST_F(Container, OrphansAreReapedAndSignalsPassedOn) {
  start();
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (children_of(init_).size() > 1 &&
         std::chrono::steady_clock::now() < until) {
  }
  EXPECT_THAT(children_of(init_), SizeIs(1)) << "the supervisor alone";
  ASSERT_EQ(::kill(init_, SIGTERM), 0);
  expect_left("exit code 0");
  EXPECT_TRUE(server_->wait_for_line("told to end", kPatience))
      << server_->output();
}

TEST_F(Container, EndsAsItsSupervisorDoes) {
  start();
  const auto supervisor = children_of(init_);
  ASSERT_FALSE(supervisor.empty());
  ASSERT_EQ(::kill(supervisor.front(), SIGKILL), 0);
  expect_left("exit code 137");
}

}  // namespace
}  // namespace relaunch::test
