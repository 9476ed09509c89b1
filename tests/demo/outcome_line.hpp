// The last line of an answer to POST /update, read by a program:
// "done generation=2 pid=71 release=… began_us=build:3,stage:812345,…"
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/os/system.hpp"

namespace relaunch::demo {

/// "rolled back in probation: …" → "rolled back in probation"
std::string heading(std::string_view outcome);
/// When a phase began, if it did.
std::optional<double> began_ms(std::string_view outcome,
                               std::string_view phase);
/// Who serves; 0 if it does not say.
os::ProcessId pid_in(std::string_view outcome);

}  // namespace relaunch::demo
