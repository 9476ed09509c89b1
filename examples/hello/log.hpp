// The program's log: spdlog, in one place.
#pragma once

#include <optional>
#include <string_view>

#include "relaunch/log.hpp"

namespace hello {

/// Lines to standard error, with time and process number.
relaunch::LogSink make_log(relaunch::LogLevel least);

/// debug, info, warning, error.
std::optional<relaunch::LogLevel> parse_log_level(std::string_view name);

}  // namespace hello
