// Where the library's few log lines go.
#pragma once

#include <functional>
#include <string_view>

namespace relaunch {

enum class LogLevel { debug, info, warning, error };

/// Receives one finished line, without a line end: a sentence, then key=value.
/// Called from the library's own thread; must not block and must not throw.
/// An empty sink discards.
using LogSink = std::function<void(LogLevel, std::string_view line)>;

}  // namespace relaunch
