// The verbs that ask a running instance.
#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "cli/progress.hpp"
#include "cli/session.hpp"
#include "cli/settings.hpp"

namespace relaunch::cli {

/// Where a verb writes.
struct Output {
  /// Data: standard output. It fails if that is closed.
  std::function<Attempt<void>(std::string_view)> data;
  /// What else there is to say: standard error.
  std::function<void(std::string_view)> note;
  Screen data_screen;
  Screen note_screen;
};

/// Every verb but run, version and check-config.
Attempt<ExitCode> perform_on_instance(const Invocation& invocation,
                                      const Settings& settings,
                                      const Reach& reach, const Output& output);

}  // namespace relaunch::cli
