#include "common/os/passed_sockets.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <charconv>
#include <optional>

#include "common/base/text.hpp"
#include "common/os/system.hpp"
#include "posix/activation.hpp"
#include "posix/posix.hpp"

namespace relaunch::os {
namespace {

using text::cat;

/// More than any unit has; a limit for what is no count.
constexpr int kMost = 4'096;

std::optional<int> number_in(std::string_view text) {
  int number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, failure] = std::from_chars(text.data(), end, number);
  if (failure != std::errc{} || rest != end || number < 0) return {};
  return number;
}

// Read once, so that nobody else takes the same numbers for his.
std::string taken_variable(std::string_view name) {
  auto value = environment_variable(name);
  unset_environment_variable(name);
  return value.value_or("");
}

// O_NONBLOCK belongs to the open socket. The manager sets it anew at each
// start, as NonBlocking= in the unit says.
Result<void> prepare(int number) {
  const auto failed = [number](const char* call) {
    return Error{last_error(), cat("cannot take descriptor ", number,
                                   " of LISTEN_FDS: ", call)};
  };
  if (::fcntl(number, F_SETFD, FD_CLOEXEC) != 0) return failed("F_SETFD");
  const int flags = ::fcntl(number, F_GETFL);
  if (flags < 0 || ::fcntl(number, F_SETFL, flags | O_NONBLOCK) != 0) {
    return failed("F_SETFL");
  }
  return {};
}

}  // namespace

Result<std::vector<PassedSocket>> take_passed_sockets() {
  const auto count_text = taken_variable("LISTEN_FDS");
  const auto process = taken_variable("LISTEN_PID");
  const auto names = taken_variable("LISTEN_FDNAMES");
  std::vector<PassedSocket> passed;
  if (process != cat(own_process_id())) return passed;
  const auto count = number_in(count_text);
  if (!count || *count > kMost) {
    return Error{errc::invalid_argument,
                 cat("cannot read LISTEN_FDS: '", text::printable(count_text),
                     "' is no count")};
  }
  std::size_t begin = 0;
  for (int number = kFirstPassed; number < kFirstPassed + *count; ++number) {
    const std::size_t end = std::min(names.find(':', begin), names.size());
    if (auto prepared = prepare(number); !prepared) return prepared.error();
    passed.push_back({names.substr(std::min(begin, names.size()), end - begin),
                      Socket{number}});
    begin = end + 1;
  }
  return passed;
}

// The number of its inode: each socket has one of its own.
// https://man7.org/linux/man-pages/man5/proc_pid_fd.5.html
std::uint64_t identity_of(native_socket socket) {
  struct stat facts = {};
  return ::fstat(socket, &facts) == 0 ? facts.st_ino : 0;
}

}  // namespace relaunch::os
