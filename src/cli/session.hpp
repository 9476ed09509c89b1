// One request to an instance and its answers, with a beat in between.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <string>

#include "cli/exit_code.hpp"
#include "cli/run_options.hpp"
#include "common/control/message.hpp"

namespace relaunch::cli {

/// How to reach an instance. `addresses` are tried in their order: a server
/// that embeds the library may keep its state elsewhere than the command does.
struct Reach {
  std::string name;
  std::vector<std::string> addresses;
};
Attempt<Reach> reach_of(const Settings& settings, const Places& places);

enum class Next { go_on, enough };

struct Hearing {
  /// For each answer but the last. `enough` ends it: what this was called with
  /// counts as the last answer, after a beat an empty one.
  std::function<Next(const control::Answer&)> on_answer = {};
  /// When the link is open, and then about once a second.
  std::function<Next()> on_beat = {};
  /// No longer than this; zero: as long as it takes.
  std::chrono::milliseconds deadline{10'000};
};

/// Asks, and answers what came last. An instance that cannot be reached is a
/// Failure with ExitCode::unreachable; what it refuses, and a link that broke,
/// too, with their own codes.
Attempt<control::Answer> ask(const Reach& reach,
                             const control::Request& request,
                             const Hearing& hearing = {});

}  // namespace relaunch::cli
