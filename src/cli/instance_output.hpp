// All that an instance writes down: its log, what the generations print, its
// metrics in a file.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/log.hpp"
#include "common/supervisor/generation_output.hpp"
#include "common/supervisor/instance.hpp"
#include "common/supervisor/line_writer.hpp"
#include "common/supervisor/metrics_file.hpp"
#include "common/supervisor/options.hpp"

namespace relaunch::cli {

/// Made before the instance, whose log it is, and ended after it:
///
///   auto output = InstanceOutput::open(options, write_out, write_error);
///   auto instance = supervisor::Instance::open(options, output->log_sink());
///   {
///     const auto attached = output->attach(*instance);
///     instance->run();
///   }
class InstanceOutput {
 public:
  /// `output`, `error`: how the own streams are written; from other threads.
  /// Errors: the log cannot be opened.
  static Result<std::unique_ptr<InstanceOutput>> open(
      const supervisor::Options& options, supervisor::LineWriter::Write output,
      supervisor::LineWriter::Write error);

  LogSink log_sink() const { return log_.sink(); }

  class Attached;
  /// Before run(). What has happened already is written first. Ends before the
  /// instance does.
  std::unique_ptr<Attached> attach(supervisor::Instance& instance);

 private:
  struct Streams {
    supervisor::LineWriter output;
    supervisor::LineWriter error;
  };
  InstanceOutput(const supervisor::Options& options,
                 std::unique_ptr<Streams> streams, Log log);

  supervisor::Output mode_;
  std::filesystem::path metrics_file_;
  std::unique_ptr<Streams> streams_;
  Log log_;
};

class InstanceOutput::Attached {
 public:
  Attached(InstanceOutput& output, supervisor::Instance& instance);
  /// What the generations have printed so far is passed on.
  ~Attached();
  Attached(const Attached&) = delete;
  Attached& operator=(const Attached&) = delete;

  /// Nothing if the generations have the supervisor's own streams.
  supervisor::GenerationOutput* generations() { return generations_.get(); }

 private:
  Log& log_;
  supervisor::Instance& instance_;
  std::unique_ptr<supervisor::GenerationOutput> generations_;
  std::unique_ptr<supervisor::MetricsFile> metrics_;
  observe::Subscription followed_;
};

}  // namespace relaunch::cli
