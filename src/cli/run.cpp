#include "cli/run.hpp"

#include <chrono>
#include <optional>

#include "common/base/text.hpp"
#include "common/os/terminal.hpp"
#include "common/supervisor/instance.hpp"
#include "common/supervisor/pid_file.hpp"

namespace relaunch::cli {
namespace {

LogSink make_log() {
  return [](LogLevel level, std::string_view line) {
    const auto now = std::chrono::system_clock::now();
    (void)os::write_stream(
        os::Stream::error,
        text::cat(observe::to_timestamp(now), ' ', observe::to_string(level),
                  ' ', line, '\n'));
  };
}

/// What is not there at a start is the program.
Failure failure(const Error& error) {
  const bool missing = error.code() == std::errc::no_such_file_or_directory;
  return {missing ? ExitCode::artifact : exit_code(error), error.text()};
}

}  // namespace

Attempt<ExitCode> run(const supervisor::Options& options) {
  os::outlive_broken_streams();
  const LogSink log = make_log();
  auto instance = supervisor::Instance::open(options, log);
  if (!instance) return failure(instance.error());
  std::optional<supervisor::PidFile> pid_file;
  if (!options.pid_file.empty()) {
    pid_file.emplace(options.pid_file, (*instance)->supervisor(), log);
  }
  (*instance)->run();
  return ExitCode::done;
}

}  // namespace relaunch::cli
