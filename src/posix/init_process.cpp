#include "common/os/init_process.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "posix/posix.hpp"

namespace relaunch::os {

namespace {

/// The exit code of `child`, once it has ended. Reaps whoever has.
std::optional<int> reap(pid_t child) {
  std::optional<int> code;
  int status = 0;
  for (;;) {
    const pid_t ended = ::waitpid(-1, &status, WNOHANG);
    if (ended <= 0) return code;
    if (ended != child) continue;
    code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }
}

int care_for(pid_t child, const sigset_t& signals) {
  for (;;) {
    siginfo_t info{};
    const int signal = ::sigwaitinfo(&signals, &info);
    if (signal == SIGCHLD) {
      if (const auto code = reap(child)) return *code;
      continue;
    }
    // https://man7.org/linux/man-pages/man2/sigaction.2.html: only what a
    // process has sent has a code of 0 or less.
    if (signal > 0 && info.si_code <= 0) ::kill(child, signal);
  }
}

}  // namespace

Result<std::optional<int>> stand_in_as_init() {
  if (::getpid() != 1) return std::optional<int>{};
  sigset_t signals;
  sigset_t before;
  sigemptyset(&signals);
  for (const int signal :
       {SIGCHLD, SIGTERM, SIGQUIT, SIGINT, SIGHUP, SIGUSR1, SIGUSR2}) {
    sigaddset(&signals, signal);
  }
  ::sigprocmask(SIG_BLOCK, &signals, &before);
  const pid_t child = ::fork();
  if (child > 0) return std::optional<int>{care_for(child, signals)};
  const auto failure = last_error();
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  if (child == 0) return std::optional<int>{};
  return Error{failure, "cannot leave process 1 to its duties: fork"};
}

}  // namespace relaunch::os
