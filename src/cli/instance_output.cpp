#include "cli/instance_output.hpp"

#include <utility>

namespace relaunch::cli {

using supervisor::GenerationOutput;
using supervisor::Instance;
using supervisor::LineWriter;
using supervisor::MetricsFile;
using supervisor::Options;
using supervisor::Output;
using supervisor::Supervisor;

Result<std::unique_ptr<InstanceOutput>> InstanceOutput::open(
    const Options& options, LineWriter::Write output, LineWriter::Write error) {
  std::unique_ptr<Streams> streams{
      new Streams{LineWriter{std::move(output)}, LineWriter{std::move(error)}}};
  auto log = Log::open(options.log_format, options.log_file, streams->error);
  if (!log) return log.error();
  return std::unique_ptr<InstanceOutput>{
      new InstanceOutput{options, std::move(streams), std::move(*log)}};
}

InstanceOutput::InstanceOutput(const Options& options,
                               std::unique_ptr<Streams> streams, Log log)
    : mode_(options.output),
      metrics_file_(options.metrics_file),
      streams_(std::move(streams)),
      log_(std::move(log)) {}

std::unique_ptr<InstanceOutput::Attached> InstanceOutput::attach(
    Instance& instance) {
  return std::make_unique<Attached>(*this, instance);
}

InstanceOutput::Attached::Attached(InstanceOutput& output, Instance& instance)
    : log_(output.log_), instance_(instance) {
  Supervisor& supervisor = instance.supervisor();
  if (output.mode_ == Output::tagged) {
    generations_ = std::make_unique<GenerationOutput>(
        supervisor.io(), output.streams_->output, output.streams_->error);
    supervisor.on_start_process(
        [this](const os::LaunchRequest& request, std::uint32_t generation) {
          return generations_->launch(request, generation);
        });
    supervisor.on_output(
        {[this](os::ProcessId id) { return generations_->places(id); },
         [this](const os::Process& process, std::uint32_t generation,
                const std::vector<std::string>& places) {
           return generations_->take_back(process, generation, places);
         }});
  }
  if (!output.metrics_file_.empty()) {
    metrics_ = std::make_unique<MetricsFile>(
        supervisor.io(), output.metrics_file_,
        [&instance] { return instance.metrics(); },
        [sink = log_.sink()](const Error& error) {
          sink(LogLevel::warning, error.text());
        });
  }
  // Each transition is a line of its own: the sentence about it is left out.
  supervisor.tell_transitions(false);
  const auto follow = [this](const observe::Event& event) {
    log_.write(event);
    if (metrics_) metrics_->changed();
  };
  for (const observe::Event& event : supervisor.events().since(0)) {
    follow(event);
  }
  followed_ = supervisor.events().subscribe(follow);
  instance.on_reopen_logs([this] {
    auto reopened = log_.reopen();
    if (!reopened) log_.sink()(LogLevel::error, reopened.error().text());
  });
}

InstanceOutput::Attached::~Attached() {
  instance_.on_reopen_logs({});
  instance_.supervisor().tell_transitions(true);
  instance_.supervisor().on_start_process({});
  instance_.supervisor().on_output({});
  if (generations_) generations_->finish();
}

}  // namespace relaunch::cli
