#include "sweep/points.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>

#include "common/base/text.hpp"

namespace relaunch::test {
namespace {

using Errnos = std::vector<std::string>;

// What is left out: mmap, brk and the like, where ENOMEM is std::bad_alloc and
// the end of the process; close, which strace would not run at all; futex,
// clocks and the process's own numbers, which cannot fail.
const std::map<std::string, Errnos, std::less<>> kErrnos{
    {"accept", {"EMFILE", "ECONNABORTED", "ENOBUFS"}},
    {"accept4", {"EMFILE", "ECONNABORTED", "ENOBUFS"}},
    {"bind", {"EADDRINUSE"}},
    {"clone", {"EAGAIN", "ENOMEM"}},
    {"clone3", {"EAGAIN", "ENOMEM"}},
    {"copy_file_range", {"ENOSPC", "EIO", "EINTR"}},
    {"dup2", {"EMFILE"}},
    {"epoll_create1", {"EMFILE", "ENOMEM"}},
    {"epoll_ctl", {"ENOMEM", "ENOSPC"}},
    {"epoll_wait", {"EINTR"}},
    {"eventfd2", {"EMFILE", "ENOMEM"}},
    {"execve", {"ENOMEM", "EIO"}},
    {"fchmod", {"EIO", "EROFS"}},
    {"fcntl", {"EMFILE"}},
    {"fsync", {"EIO", "ENOSPC"}},
    {"getdents64", {"EIO"}},
    {"getsockname", {"ENOBUFS"}},
    {"getsockopt", {"ENOBUFS"}},
    {"ioctl", {"EIO"}},
    {"listen", {"EADDRINUSE"}},
    {"mkdir", {"ENOSPC", "EROFS", "EIO"}},
    {"newfstatat", {"EIO", "ENOMEM"}},
    {"openat", {"EMFILE", "ENFILE", "EACCES", "EIO"}},
    {"pidfd_open", {"EMFILE", "ENOMEM"}},
    {"pidfd_send_signal", {"EPERM"}},
    {"pipe2", {"EMFILE", "ENFILE"}},
    {"read", {"EIO", "EINTR"}},
    {"readlink", {"EIO"}},
    {"recvmsg", {"ECONNRESET", "ENOMEM", "EINTR", "EAGAIN"}},
    {"rename", {"EIO", "ENOSPC", "EROFS"}},
    {"sendmsg",
     {"EPIPE", "ECONNRESET", "ENOBUFS", "ETOOMANYREFS", "EINTR", "EAGAIN"}},
    {"socket", {"EMFILE", "ENFILE", "ENOBUFS"}},
    {"socketpair", {"EMFILE", "ENFILE"}},
    {"timerfd_create", {"EMFILE", "ENOMEM"}},
    {"unlink", {"EIO", "EROFS"}},
    {"utimensat", {"EIO", "EROFS"}},
    {"waitid", {"ECHILD", "EINTR"}},
    {"write", {"ENOSPC", "EIO", "EINTR"}}};

/// Whoever has closed a link has ended it for the reader too, and that is what
/// a supervisor waits for; an error that is made up is not followed by it.
/// Other processes have deadlines for what they ask.
bool is_unreal(const std::string& role, const std::string& call,
               const std::string& error) {
  return role == "supervisor" && call == "sendmsg" &&
         (error == "EPIPE" || error == "ECONNRESET");
}

bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

}  // namespace

bool is_asios_own(const std::string& call, const std::string& line) {
  if (call == "epoll_ctl") return line.find("EPOLLPRI") == line.npos;
  return call == "write" && line.find(R"("\1\0\0\0\0\0\0\0", 8)") != line.npos;
}

std::string Point::text() const {
  return text::cat(role, ':', call, ':', number, ':', action);
}

std::string Point::injection() const {
  return text::cat("inject=", call, ':',
                   kills() ? "signal=KILL" : "error=" + action,
                   ":when=", number);
}

std::optional<Point> parse_point(std::string_view text) {
  std::vector<std::string> words;
  for (std::size_t end; (end = text.find(':')) != text.npos;) {
    words.emplace_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  words.emplace_back(text);
  if (words.size() != 4) return {};
  Point point{words[0], words[1], 0, words[3]};
  const std::string& digits = words[2];
  std::from_chars(digits.data(), digits.data() + digits.size(), point.number);
  const bool known = std::count(kRoles.begin(), kRoles.end(), point.role) > 0;
  if (!known || point.call.empty() || point.number < 1) return {};
  return point;
}

Calls count_calls(const std::filesystem::path& trace) {
  std::map<std::string, std::map<std::string, std::size_t>> threads;
  Calls calls;
  std::ifstream lines{trace};
  for (std::string line; std::getline(lines, line);) {
    // "71    sendmsg(5, ...", not "71    <... sendmsg resumed>".
    const std::size_t space = line.find(' ');
    const std::size_t call = line.find_first_not_of(' ', space);
    const std::size_t open = line.find('(', call);
    if (space == line.npos || call == line.npos || open == line.npos) continue;
    const std::string name = line.substr(call, open - call);
    if (!std::all_of(name.begin(), name.end(), is_name)) continue;
    const std::size_t number = threads[line.substr(0, space)][name]++;
    auto& passed_on = calls[name];
    if (passed_on.size() <= number) passed_on.resize(number + 1);
    if (!is_asios_own(name, line)) passed_on[number] = true;
  }
  return calls;
}

std::vector<Point> points_of(const std::string& role, const Calls& calls) {
  std::vector<Point> points;
  for (const auto& [call, passed_on] : calls) {
    const auto errnos = kErrnos.find(call);
    for (std::size_t i = 0; i < passed_on.size(); ++i) {
      const int number = static_cast<int>(i) + 1;
      points.push_back({role, call, number, "kill"});
      if (errnos == kErrnos.end() || !passed_on[i]) continue;
      for (const std::string& name : errnos->second) {
        if (is_unreal(role, call, name)) continue;
        points.push_back({role, call, number, name});
      }
    }
  }
  return points;
}

}  // namespace relaunch::test
