#include "cli/run.hpp"

#include <optional>

#include "cli/instance_output.hpp"
#include "common/os/terminal.hpp"
#include "common/supervisor/instance.hpp"
#include "common/supervisor/pid_file.hpp"

namespace relaunch::cli {
namespace {

/// For a thread that may wait as long as its reader likes.
supervisor::LineWriter::Write to(os::Stream stream) {
  return [stream](std::string_view lines) {
    return static_cast<bool>(os::write_stream(stream, lines));
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
  auto output = InstanceOutput::open(options, to(os::Stream::output),
                                     to(os::Stream::error));
  if (!output) return Failure{ExitCode::io, output.error().text()};
  const LogSink log = (*output)->log_sink();
  auto instance = supervisor::Instance::open(options, log);
  if (!instance) return failure(instance.error());
  std::optional<supervisor::PidFile> pid_file;
  if (!options.pid_file.empty()) {
    pid_file.emplace(options.pid_file, (*instance)->supervisor(), log);
  }
  const auto attached = (*output)->attach(**instance);
  (*instance)->run();
  return ExitCode::done;
}

}  // namespace relaunch::cli
