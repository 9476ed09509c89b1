#include "programs/tracing.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace relaunch::test {
namespace {

namespace fs = std::filesystem;

// Not our child for long, and with none of our descriptors: a copy of the
// channel would keep it open when this process is gone.
void become_tracer(std::vector<std::string> words, int report,
                   const fs::path& number) {
  if (::fork() != 0) std::_Exit(0);
  std::ofstream{number} << ::getpid();
  ::dup2(report, STDERR_FILENO);
  const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(nothing, STDOUT_FILENO);
  ::close_range(STDERR_FILENO + 1, ~0U, 0);
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  ::execvp(arguments.front(), arguments.data());
  std::_Exit(127);
}

}  // namespace

void follow_if_wanted() {
  const char* const folder = std::getenv("RELAUNCH_FAULTS");
  if (folder == nullptr || std::getenv("RELAUNCH_INCUMBENT") == nullptr) return;
  const fs::path order = fs::path{folder} / "successor.strace";
  std::vector<std::string> words{"strace"};
  std::ifstream lines{order};
  for (std::string line; std::getline(lines, line);) words.push_back(line);
  std::error_code failure;
  if (!fs::remove(order, failure)) return;
  words.push_back("-p");
  words.push_back(std::to_string(::getpid()));

  int report[2];
  if (::pipe2(report, O_CLOEXEC) != 0) return;
  ::prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
  const pid_t helper = ::fork();
  if (helper == 0)
    become_tracer(std::move(words), report[1], order.parent_path() / "tracer");
  ::close(report[1]);
  ::waitpid(helper, nullptr, 0);
  // "strace: Process 71 attached", or the end of a strace that could not. Our
  // end stays open: strace ends when it cannot report.
  std::string said;
  for (char byte; said.find("attached") == said.npos &&
                  ::read(report[0], &byte, 1) == 1;) {
    said += byte;
  }
}

}  // namespace relaunch::test
