// The library's log lines through a spdlog logger. Header-only.
#pragma once

#include <spdlog/spdlog.h>

#include <memory>
#include <string_view>
#include <utility>

#include "relaunch/log.hpp"

namespace relaunch {

/// Shares the logger. Its sinks must be the thread-safe ones (…_mt): the lines
/// come from the library's own thread.
inline LogSink spdlog_sink(std::shared_ptr<spdlog::logger> logger) {
  return [logger = std::move(logger)](LogLevel level, std::string_view line) {
    constexpr spdlog::level::level_enum kLevels[] = {
        spdlog::level::debug, spdlog::level::info, spdlog::level::warn,
        spdlog::level::err};
    logger->log(kLevels[static_cast<int>(level)], line);
  };
}

}  // namespace relaunch
