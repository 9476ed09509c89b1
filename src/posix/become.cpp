#include "common/os/become.hpp"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "common/base/text.hpp"
#include "common/os/system.hpp"
#include "posix/activation.hpp"

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

namespace relaunch::os {

namespace {

/// To the numbers that the protocol asks for, with what says so. First all out
/// of the way: the number that one is to get may be another's.
Result<void> place(std::vector<PassedSocket> sockets) {
  const int count = static_cast<int>(sockets.size());
  std::vector<Socket> high;
  for (auto& each : sockets) {
    const int number =
        ::fcntl(each.socket.get(), F_DUPFD, kFirstPassed + count);
    if (number < 0) {
      return Error{last_error(), "cannot pass a listener on: F_DUPFD"};
    }
    high.emplace_back(number);
  }
  std::string names;
  for (int i = 0; i < count; ++i) {
    auto& each = sockets[static_cast<std::size_t>(i)];
    each.socket.reset();
    text::append(names, text::cat(i == 0 ? "" : ":", each.name));
  }
  for (int i = 0; i < count; ++i) {
    const auto& from = high[static_cast<std::size_t>(i)];
    if (::dup2(from.get(), kFirstPassed + i) < 0) {
      return Error{last_error(), "cannot pass a listener on: dup2"};
    }
  }
  ::setenv("LISTEN_FDS", text::cat(count).c_str(), 1);
  ::setenv("LISTEN_PID", text::cat(own_process_id()).c_str(), 1);
  ::setenv("LISTEN_FDNAMES", names.c_str(), 1);
  return {};
}

}  // namespace

bool become_stays_this_process() { return true; }

Predecessor Predecessor::find() { return {}; }
void Predecessor::release() {}

Error become(const std::filesystem::path& executable,
             const std::vector<std::string>& arguments,
             std::vector<PassedSocket> sockets, std::chrono::milliseconds,
             const std::vector<PassedHandle>&) {
  std::vector<char*> words;
  for (const std::string& word : arguments) {
    // execv promises not to change them.
    words.push_back(const_cast<char*>(word.c_str()));
  }
  words.push_back(nullptr);
  // Since Linux 5.9, the flag since 5.11; before, what a library opened without
  // O_CLOEXEC stays open.
  // https://man7.org/linux/man-pages/man2/close_range.2.html
  (void)::syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC);
  if (!sockets.empty()) {
    if (auto placed = place(std::move(sockets)); !placed) {
      return placed.error();
    }
  }
  ::execv(executable.c_str(), words.data());
  return Error{last_error(),
               text::cat("cannot go on as ", executable, ": execv")};
}

}  // namespace relaunch::os
