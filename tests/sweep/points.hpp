// Where an upgrade is ended or disturbed: a call of one process, and how.
#pragma once

#include <array>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace relaunch::test {

/// The first two in library mode.
inline constexpr std::array kRoles{"incumbent", "successor", "supervisor"};

struct Point {
  std::string role;  ///< one of kRoles
  std::string call;
  int number = 0;      ///< the nth call of any one thread
  std::string action;  ///< "kill", or the name of an errno

  bool kills() const { return action == "kill"; }
  /// "incumbent:sendmsg:3:kill"
  std::string text() const;
  /// For strace's option -e.
  std::string injection() const;
};
std::optional<Point> parse_point(std::string_view text);

/// Of each call as many as one thread has made at most, from what strace -f
/// wrote; true: an error is passed on to the library.
using Calls = std::map<std::string, std::vector<bool>>;
Calls count_calls(const std::filesystem::path& trace);

/// Asio looks at no error of the two descriptors that it makes for itself, its
/// timer and what wakes it; a process that cannot have them hangs. `line`: of
/// what strace wrote.
bool is_asios_own(const std::string& call, const std::string& line);

/// A kill at each call; then each errno that this call may answer, by its
/// manual page and where the library must cope with it.
std::vector<Point> points_of(const std::string& role, const Calls& calls);

}  // namespace relaunch::test
