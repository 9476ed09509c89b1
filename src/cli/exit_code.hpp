// What `relaunch` ends with: a script can tell the ends apart. The numbers from
// 64 on are those of sysexits.h.
#pragma once

#include <boost/system/result.hpp>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "relaunch/error.hpp"
#include "relaunch/outcome.hpp"

namespace relaunch::cli {

enum class ExitCode {
  done = 0,
  nothing_to_do = 10,
  failed = 20,
  rolled_back = 21,
  usage = 64,
  artifact = 65,
  unreachable = 69,
  internal = 70,
  io = 74,
  busy = 75,
  protocol = 76,
  not_permitted = 77,
  configuration = 78,
};

struct ExitCodeMeaning {
  ExitCode code;
  std::string_view meaning;
};
/// The whole table, as the help and docs/operations.md have it.
std::span<const ExitCodeMeaning> exit_codes();

/// How an upgrade ended.
ExitCode exit_code(const Outcome& outcome);
/// What kept a verb from doing anything.
ExitCode exit_code(const Error& error);

/// One line for standard error, and the code to end with.
struct Failure {
  /// No failure: what Attempt<T>::error() answers for a value.
  Failure() = default;
  Failure(ExitCode end, std::string text) : code(end), line(std::move(text)) {}
  ExitCode code = ExitCode::internal;
  std::string line;
};

template <typename T>
using Attempt = boost::system::result<T, Failure>;

}  // namespace relaunch::cli
