#include "faults/posix/real_faults.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <set>
#include <system_error>
#include <vector>

#include "common/base/text.hpp"

namespace relaunch::test {
namespace {

namespace fs = std::filesystem;

constexpr int kNotPermitted = 77;

void check(bool good, const char* what) {
  if (!good) throw std::system_error(errno, std::generic_category(), what);
}

auto kind(Scarce what) {
  return what == Scarce::descriptors ? RLIMIT_NOFILE : RLIMIT_NPROC;
}

bool become_own_user() {
  if (::geteuid() != 0) return true;
  // As a container's runtime does, a number that no account has.
  const auto number = static_cast<uid_t>(1'000'000 + ::getpid());
  check(::setresgid(number, number, number) == 0, "setresgid");
  check(::setresuid(number, number, number) == 0, "setresuid");
  const fs::path program = fs::read_symlink("/proc/self/exe");
  return ::access(program.c_str(), X_OK) == 0;
}

bool make_own_mounts() {
  if (::unshare(CLONE_NEWNS) != 0) return false;
  return ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

int run_here(Own what, const std::function<void()>& body) {
  try {
    if (!(what == Own::user ? become_own_user() : make_own_mounts())) {
      return kNotPermitted;
    }
    body();
  } catch (const std::exception& failure) {
    ADD_FAILURE() << failure.what();
  }
  return testing::Test::HasFailure() ? 1 : 0;
}

}  // namespace

std::optional<std::string> run_with_own(Own what,
                                        const std::function<void()>& body) {
  std::fflush(nullptr);
  const pid_t copy = ::fork();
  check(copy != -1, "fork");
  if (copy == 0) {
    const int code = run_here(what, body);
    std::fflush(nullptr);
    std::_Exit(code);
  }
  int status = 0;
  check(::waitpid(copy, &status, 0) == copy, "waitpid");
  if (WIFEXITED(status) && WEXITSTATUS(status) == kNotPermitted) {
    return what == Own::user ? "another user may not run this program"
                             : "this user may not mount anything (needs root)";
  }
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "see above";
  return {};
}

void limit(os::ProcessId id, Scarce what, rlim_t value) {
  rlimit both = {};
  const auto pid = static_cast<pid_t>(id);
  check(::prlimit(pid, kind(what), nullptr, &both) == 0, "prlimit");
  both.rlim_cur = std::min(value, both.rlim_max);
  check(::prlimit(pid, kind(what), &both, nullptr) == 0, "prlimit");
}

void unlimit(os::ProcessId id, Scarce what) {
  rlimit ours = {};
  check(::getrlimit(kind(what), &ours) == 0, "getrlimit");
  limit(id, what, ours.rlim_cur);
}

rlim_t descriptors_with(os::ProcessId id, unsigned more) {
  std::set<rlim_t> open;
  for (const auto& entry :
       fs::directory_iterator(text::cat("/proc/", id, "/fd"))) {
    open.insert(std::stoul(entry.path().filename().string()));
  }
  rlim_t next = 0;
  for (unsigned free = 0;; ++next) {
    if (open.count(next) == 0 && free++ == more) return next;
  }
}

bool is_stopped(os::ProcessId id) {
  std::ifstream file(text::cat("/proc/", id, "/stat"));
  const std::string line{std::istreambuf_iterator<char>(file), {}};
  // "71 (name) T 1 …", where the name may hold anything.
  const std::size_t end = line.rfind(')');
  return end != line.npos && line.compare(end, 3, ") T") == 0;
}

Disk::Disk(fs::path folder, std::size_t bytes) : folder_(std::move(folder)) {
  const std::string options = text::cat("mode=1777,size=", bytes);
  check(::mount("none", folder_.c_str(), "tmpfs", 0, options.c_str()) == 0,
        "mount");
}

Disk::~Disk() { ::umount2(folder_.c_str(), MNT_DETACH); }

void fill_disk(const fs::path& filler, std::size_t room) {
  const os::Handle file{
      ::open(filler.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)};
  check(static_cast<bool>(file), "open");
  const std::size_t free = fs::space(filler).available;
  if (free <= room) return;
  const auto size = static_cast<off_t>(free - room);
  errno = ::posix_fallocate(file.get(), 0, size);
  check(errno == 0, "posix_fallocate");
}

ReadOnly::ReadOnly(fs::path folder) : folder_(std::move(folder)) {
  const char* const path = folder_.c_str();
  check(::mount(path, path, nullptr, MS_BIND, nullptr) == 0, "mount");
  constexpr unsigned long kFlags = MS_REMOUNT | MS_BIND | MS_RDONLY;
  check(::mount(nullptr, path, nullptr, kFlags, nullptr) == 0, "mount");
}

ReadOnly::~ReadOnly() { ::umount2(folder_.c_str(), MNT_DETACH); }

InFlight::InFlight(std::size_t count) {
  int ends[2] = {-1, -1};
  check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0,
        "socketpair");
  from_ = os::Handle{ends[0]};
  to_ = os::Handle{ends[1]};
  const std::vector<int> sent(count, ends[0]);
  const std::size_t bytes = count * sizeof(int);
  std::vector<char> control(CMSG_SPACE(bytes));
  char byte = 0;
  iovec body{&byte, 1};
  msghdr message = {};
  message.msg_iov = &body;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* const head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(bytes);
  std::memcpy(CMSG_DATA(head), sent.data(), bytes);
  check(::sendmsg(from_.get(), &message, 0) == 1, "sendmsg");
}

}  // namespace relaunch::test
