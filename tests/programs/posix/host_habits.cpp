#include "programs/host_habits.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <deque>
#include <vector>

#include "common/os/handle.hpp"
#include "programs/host_threads.hpp"

namespace relaunch::test {
namespace {

using std::chrono::milliseconds;

struct Signal {
  int number;
  const char* line;  ///< what its handler writes
};
constexpr std::array kTaken{Signal{SIGTERM, "own handler: TERM\n"},
                            Signal{SIGINT, "own handler: INT\n"},
                            Signal{SIGQUIT, "own handler: QUIT\n"},
                            Signal{SIGHUP, "own handler: HUP\n"},
                            Signal{SIGUSR1, "own handler: USR1\n"},
                            Signal{SIGUSR2, "own handler: USR2\n"},
                            Signal{SIGPIPE, "own handler: PIPE\n"}};
constexpr int kSignals = 32;  // without those of the C library

void write_own_line(int number) {
  const int kept = errno;
  for (const Signal& each : kTaken) {
    if (each.number != number) continue;
    (void)!::write(STDOUT_FILENO, each.line, std::strlen(each.line));
  }
  errno = kept;
}

void take_no_notice(int) {}

void set_action(int number, void (*handler)(int), int flags) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(number, &action, nullptr);
}

// HUP and USR2 stay open, so that both ways are there.
void take_signals() {
  for (const Signal& each : kTaken) {
    set_action(each.number, write_own_line, SA_RESTART);
  }
  set_action(SIGCHLD, take_no_notice, SA_RESTART | SA_NOCLDSTOP);
  sigset_t blocked;
  ::sigfillset(&blocked);
  for (const int open : {SIGTERM, SIGHUP, SIGUSR2, SIGPIPE, SIGCHLD}) {
    ::sigdelset(&blocked, open);
  }
  ::pthread_sigmask(SIG_SETMASK, &blocked, nullptr);
}

struct Dispositions {
  std::array<struct sigaction, kSignals> actions{};
  sigset_t mask{};

  static Dispositions now() {
    Dispositions all;
    for (int number = 1; number < kSignals; ++number) {
      ::sigaction(number, nullptr, &all.actions.at(number));
    }
    ::pthread_sigmask(SIG_SETMASK, nullptr, &all.mask);
    return all;
  }

  /// Names of the signals for which this and the other differ.
  std::string difference(const Dispositions& other) const {
    std::string names;
    for (int number = 1; number < kSignals; ++number) {
      const auto& mine = actions.at(number);
      const auto& theirs = other.actions.at(number);
      const bool same =
          mine.sa_handler == theirs.sa_handler &&
          mine.sa_flags == theirs.sa_flags &&
          ::sigismember(&mask, number) == ::sigismember(&other.mask, number);
      if (!same)
        names += std::string(names.empty() ? "" : " ") + ::sigabbrev_np(number);
    }
    return names;
  }
};

// Each lives until the next but two is made; the last ones outlive us, with a
// copy of every descriptor that was open when they were made.
void fork_worker() {
  static std::deque<pid_t> workers;
  const pid_t worker = ::fork();
  if (worker == 0) {
    ::alarm(60);
    for (;;) ::pause();
  }
  if (worker > 0) workers.push_back(worker);
  if (workers.size() <= 2) return;
  ::kill(workers.front(), SIGKILL);  // not waited for yet: it has its number
  ::waitpid(workers.front(), nullptr, 0);
  workers.pop_front();
}

std::FILE* kept_output = stdout;

void close_streams() {
  constexpr int kOutOfTheWay = 100;
  const int copy = ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, kOutOfTheWay);
  if (copy >= 0) kept_output = ::fdopen(copy, "w");
  for (int stream = 0; stream < 3; ++stream) ::close(stream);
}

}  // namespace

struct HostHabits::Impl {
  Dispositions dispositions;
  HostThreads threads;
};

HostHabits::HostHabits(const Recipe& recipe) : impl_(std::make_unique<Impl>()) {
  const auto has = [&recipe](const char* key, std::string_view value) {
    const std::string* found = find(recipe, key);
    return found != nullptr && *found == value;
  };
  if (has("streams", "closed")) close_streams();
  if (has("signals", "own")) take_signals();
  if (has("children", "ignored")) set_action(SIGCHLD, SIG_IGN, 0);
  if (has("children", "discarded")) {
    set_action(SIGCHLD, take_no_notice, SA_RESTART | SA_NOCLDWAIT);
  }
  impl_->dispositions = Dispositions::now();
  if (has("children", "waited")) {
    // Never joined: what it waits for may outlive this process.
    static HostThreads& waiter = *new HostThreads;
    waiter.add(milliseconds(2), [] {
      while (::waitpid(-1, nullptr, 0) > 0) {
      }
    });
  }
  for (int i = 0; i < number(recipe, "threads"); ++i) {
    impl_->threads.add(milliseconds(1), renew_inheritable_handles);
  }
  if (has("forks", "1")) impl_->threads.add(milliseconds(20), fork_worker);
}

HostHabits::~HostHabits() = default;

std::string HostHabits::signals() const {
  const std::string changed =
      impl_->dispositions.difference(Dispositions::now());
  return changed.empty() ? "unchanged" : "changed: " + changed;
}

std::FILE* output() { return kept_output; }

std::string inherited_signals() {
  const std::string set = Dispositions{}.difference(Dispositions::now());
  return set.empty() ? "none" : set;
}

void renew_inheritable_handles() {
  thread_local std::vector<os::Handle> held;
  std::vector<os::Handle> fresh;
  fresh.emplace_back(::open("/dev/zero", O_RDONLY));
  fresh.emplace_back(::dup(fresh.front().get()));
  fresh.emplace_back(::socket(AF_INET, SOCK_STREAM, 0));
  int ends[2] = {-1, -1};
  (void)!::pipe(ends);
  for (const int end : ends) fresh.emplace_back(end);
  held.swap(fresh);
}

}  // namespace relaunch::test
