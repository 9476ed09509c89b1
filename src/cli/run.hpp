// relaunch run.
#pragma once

#include "cli/exit_code.hpp"
#include "common/supervisor/options.hpp"

namespace relaunch::cli {

/// Returns when the instance has been stopped and every generation has left.
Attempt<ExitCode> run(const supervisor::Options& options);

}  // namespace relaunch::cli
