#include "cli/run.hpp"

#include <optional>
#include <utility>

#include "cli/instance_output.hpp"
#include "common/base/text.hpp"
#include "common/os/passed_sockets.hpp"
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

Failure failure(const Error& error) { return {exit_code(error), error.text()}; }

using Passed = std::vector<os::PassedSocket>;

/// They are written anew, and removed at the end: only what is ours.
Result<void> check_own_files(const supervisor::Options& options) {
  const auto& metrics = options.metrics_file;
  std::error_code ignored;
  if (!metrics.empty() && std::filesystem::exists(metrics, ignored) &&
      !std::filesystem::is_regular_file(metrics, ignored)) {
    return Error{errc::invalid_argument,
                 text::cat("cannot use ", metrics,
                           " as the metrics file: it is no regular file")};
  }
  if (options.pid_file.empty()) return {};
  return supervisor::PidFile::check(options.pid_file);
}

/// What the replacement gets, if it is to take the place of this process.
Attempt<std::optional<supervisor::PassedOn>> run_once(
    const supervisor::Options& options, const ReadOptions& read_options,
    const supervisor::Replacement& replacement, Passed passed) {
  if (auto fits = check_own_files(options); !fits) {
    return Failure{ExitCode::configuration, fits.error().text()};
  }
  auto output = InstanceOutput::open(options, to(os::Stream::output),
                                     to(os::Stream::error));
  if (!output) return Failure{ExitCode::io, output.error().text()};
  const LogSink log = (*output)->log_sink();
  auto instance = supervisor::Instance::open(options, log, std::move(passed));
  if (!instance && instance.error().code() == errc::busy) {
    return Failure{ExitCode::busy, text::cat("cannot run '", options.name,
                                             "': it runs already, reached by ",
                                             options.run_folder)};
  }
  if (!instance) return failure(instance.error());
  std::optional<supervisor::PidFile> pid_file;
  if (!options.pid_file.empty()) {
    pid_file.emplace(options.pid_file, (*instance)->supervisor(), log);
  }
  (*instance)->on_read_options([&]() -> Result<supervisor::Options> {
    auto read = read_options();
    if (!read) return Error{errc::invalid_argument, read.error().line};
    return std::move(*read);
  });
  if (!replacement.executable.empty()) (*instance)->replaceable_by(replacement);
  const auto attached = (*output)->attach(**instance);
  return (*instance)->run();
}

}  // namespace

Attempt<ExitCode> check_takeover(const supervisor::Options& options) {
  auto passed = os::take_passed_sockets();
  if (!passed) return failure(passed.error());
  auto possible = supervisor::check_takeover(options, std::move(*passed));
  if (!possible) return failure(possible.error());
  const auto told = os::write_stream(os::Stream::output,
                                     text::cat(supervisor::kCanTakeOver, '\n'));
  if (!told) return Failure{ExitCode::io, told.error().text()};
  return ExitCode::done;
}

Attempt<ExitCode> run(const supervisor::Options& options,
                      const ReadOptions& read_options,
                      supervisor::Replacement replacement) {
  os::outlive_broken_streams();
  for (;;) {
    auto passed = os::take_passed_sockets();
    if (!passed) return failure(passed.error());
    auto replaced =
        run_once(options, read_options, replacement, std::move(*passed));
    if (!replaced) return replaced.error();
    if (!*replaced) return ExitCode::done;
    // It has failed if it returns: then this one takes its generations in.
    const Error failed =
        supervisor::pass_on(replacement, std::move(**replaced));
    replacement.failed = failed.text();
    (void)os::write_stream(os::Stream::error,
                           text::cat("relaunch: ", failed.text(), '\n'));
  }
}

}  // namespace relaunch::cli
