#include "support/system_facts.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <fstream>

#include "common/base/text.hpp"
#include "common/os/system.hpp"
#include "relaunch/error.hpp"
#include "support/resets.hpp"

namespace relaunch::test {

namespace fs = std::filesystem;

std::vector<std::string> list_open_handles() {
  // First the names, then what they are: the folder's own handle is gone then.
  std::vector<fs::path> links;
  for (const auto& entry : fs::directory_iterator{"/proc/self/fd"}) {
    links.push_back(entry.path());
  }
  std::vector<std::string> handles;
  for (const auto& link : links) {
    std::error_code gone;
    const auto target = fs::read_symlink(link, gone);
    if (!gone) handles.push_back(text::cat(link.filename(), " ", target));
  }
  return handles;
}

OwnFacts own_facts() {
  OwnFacts facts;
  facts.handles = list_open_handles().size();
  std::ifstream status{"/proc/self/status"};
  for (std::string key; status >> key;) {
    if (key == "Threads:") status >> facts.threads;
    if (key == "VmRSS:") status >> facts.resident_kib;
  }
  return facts;
}

os::Handle open_inheritable_stray() {
  return os::Handle{::open("/dev/zero", O_RDONLY)};  // not close-on-exec
}

bool is_stray(native_handle handle) {
  struct stat opened;
  struct stat named;
  return ::fstat(handle, &opened) == 0 && ::stat("/dev/zero", &named) == 0 &&
         opened.st_rdev == named.st_rdev;
}

std::string number_of(native_handle handle) { return text::cat(handle); }

std::string crash_text() { return "signal 11 (Segmentation fault)"; }

std::string killed_text() { return "signal 9 (Killed)"; }

bool has_mode_bits() { return true; }

bool replaces_in_one_step() { return true; }

bool tied_sockets_stay_tied() { return false; }

os::Socket accept_one(native_socket listener) {
  pollfd ready{listener, POLLIN, 0};
  if (::poll(&ready, 1, 20'000) != 1) return {};
  return os::Socket{::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC)};
}

void shut_down(native_socket listener) { ::shutdown(listener, SHUT_RDWR); }

bool write_raw(native_handle channel_end, std::string_view bytes) {
  return ::write(channel_end, bytes.data(), bytes.size()) ==
         static_cast<ssize_t>(bytes.size());
}

ChildrenIgnored::ChildrenIgnored() { std::signal(SIGCHLD, SIG_IGN); }

ChildrenIgnored::~ChildrenIgnored() { std::signal(SIGCHLD, SIG_DFL); }

StopBlocked::StopBlocked() {
  std::signal(SIGTERM, SIG_IGN);
  sigset_t stop;
  ::sigemptyset(&stop);
  ::sigaddset(&stop, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &stop, nullptr);
}

StopBlocked::~StopBlocked() {
  sigset_t stop;
  ::sigemptyset(&stop);
  ::sigaddset(&stop, SIGTERM);
  ::pthread_sigmask(SIG_UNBLOCK, &stop, nullptr);
  std::signal(SIGTERM, SIG_DFL);
}

int error_number(Lack lack) {
  switch (lack) {
    case Lack::memory:
      return ENOMEM;
    case Lack::handles:
      return EMFILE;
    case Lack::room:
      return ETOOMANYREFS;
    case Lack::disk:
      return ENOSPC;
    case Lack::write_access:
      return EROFS;
    case Lack::device:
      break;
  }
  return EIO;
}

bool waits_for_room() { return true; }

void allow_handles(std::size_t count) {
  rlimit limit = {};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur >= count) return;
  limit.rlim_cur = count;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) {
    throw Error{os::last_error(), "cannot allow more descriptors: setrlimit"};
  }
}

bool limit_handles(unsigned more) {
  // The limit is on numbers: the first free one tells where they end, as long
  // as there are no gaps.
  const os::Handle next{::dup(0)};
  rlimit limit = {};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = static_cast<rlim_t>(next.get()) + more;
  return ::setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

void leave_process_group() { ::setpgid(0, 0); }

bool resets_are_told() { return true; }

}  // namespace relaunch::test
