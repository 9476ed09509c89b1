// relaunch run.
#pragma once

#include <functional>

#include "cli/exit_code.hpp"
#include "common/supervisor/options.hpp"
#include "common/supervisor/takeover.hpp"

namespace relaunch::cli {

/// As they are now: for reload.
using ReadOptions = std::function<Attempt<supervisor::Options>()>;

/// Returns when the instance has been stopped and every generation has left.
/// `replacement` may take its place, if it names an executable.
Attempt<ExitCode> run(const supervisor::Options& options,
                      const ReadOptions& read_options,
                      supervisor::Replacement replacement);

/// Could this build take over from the instance that runs?
Attempt<ExitCode> check_takeover(const supervisor::Options& options);

}  // namespace relaunch::cli
