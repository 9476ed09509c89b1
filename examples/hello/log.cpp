#include "log.hpp"

#include <spdlog/sinks/stdout_sinks.h>

#include <memory>

#include "relaunch/spdlog.hpp"

namespace hello {
namespace {

spdlog::level::level_enum native(relaunch::LogLevel level) {
  switch (level) {
    case relaunch::LogLevel::debug:
      return spdlog::level::debug;
    case relaunch::LogLevel::info:
      return spdlog::level::info;
    case relaunch::LogLevel::warning:
      return spdlog::level::warn;
    case relaunch::LogLevel::error:
      break;
  }
  return spdlog::level::err;
}

}  // namespace

relaunch::LogSink make_log(relaunch::LogLevel least) {
  auto logger = std::make_shared<spdlog::logger>(
      "hello", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e [%P] %l: %v");
  logger->set_level(native(least));
  return relaunch::spdlog_sink(std::move(logger));
}

std::optional<relaunch::LogLevel> parse_log_level(std::string_view name) {
  using relaunch::LogLevel;
  if (name == "debug") return LogLevel::debug;
  if (name == "info") return LogLevel::info;
  if (name == "warning") return LogLevel::warning;
  if (name == "error") return LogLevel::error;
  return std::nullopt;
}

}  // namespace hello
