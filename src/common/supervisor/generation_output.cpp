#include "common/supervisor/generation_output.hpp"

#include <chrono>
#include <utility>

#include "common/supervisor/line_tagger.hpp"
#include "common/upgrade/deadline_timer.hpp"

namespace relaunch::supervisor {

namespace {

/// A line that was begun and not ended is shown after this: a prompt, a bar.
constexpr std::chrono::milliseconds kPartialLine{500};

}  // namespace

struct GenerationOutput::Source {
  Source(boost::asio::io_context& io, os::LastingPipe opened, os::Stream which,
         os::ProcessId process, std::uint32_t generation)
      : pipe(std::move(opened)),
        stream(which),
        id(process),
        tagger(generation),
        partial(io) {}

  os::LastingPipe pipe;
  os::Stream stream;
  os::ProcessId id;
  LineTagger tagger;
  upgrade::DeadlineTimer partial;
  std::string place;
  bool paused = false;
};

GenerationOutput::GenerationOutput(boost::asio::io_context& io,
                                   LineWriter& output, LineWriter& error)
    : io_(io),
      output_(output),
      error_(error),
      mailbox_(std::make_shared<upgrade::Mailbox>(io)),
      self_(std::make_shared<GenerationOutput*>(this)) {
  for (LineWriter* each : {&output_, &error_}) {
    each->on_room([mailbox = mailbox_, weak = std::weak_ptr{self_}] {
      mailbox->post([weak] {
        if (const auto self = weak.lock()) (*self)->go_on();
      });
    });
  }
}

GenerationOutput::~GenerationOutput() {
  mailbox_->close();
  output_.on_room({});
  error_.on_room({});
}

Result<os::Process> GenerationOutput::launch(os::LaunchRequest request,
                                             std::uint32_t generation) {
  auto output = os::LastingPipe::open(io_, os::Stream::output);
  if (!output) return output.error();
  auto error = os::LastingPipe::open(io_, os::Stream::error);
  if (!error) return error.error();
  request.output = output->child_end();
  request.error = error->child_end();
  auto process = os::launch(request);
  if (!process) return process;
  for (auto* pipe : {&*output, &*error}) {
    const os::Stream stream =
        pipe == &*output ? os::Stream::output : os::Stream::error;
    // Without it the output is read all the same, here.
    auto place = pipe->keep_with(*process);
    pipe->close_child_end();
    const auto source =
        add(std::move(*pipe), stream, process->id(), generation);
    if (place) source->place = std::move(*place);
    start(source);
  }
  return process;
}

std::vector<std::string> GenerationOutput::places(os::ProcessId id) const {
  std::vector<std::string> places;
  for (const auto& source : sources_) {
    if (source->id == id && !source->place.empty()) {
      places.push_back(source->place);
    }
  }
  return places;
}

Result<void> GenerationOutput::take_back(
    const os::Process& process, std::uint32_t generation,
    const std::vector<std::string>& places) {
  Result<void> result;
  for (const std::string& place : places) {
    auto pipe = os::LastingPipe::take_back(io_, process, place);
    if (!pipe) {
      result = pipe.error();
      continue;
    }
    const os::Stream stream =
        place.starts_with("2:") ? os::Stream::error : os::Stream::output;
    const auto source = add(std::move(*pipe), stream, process.id(), generation);
    source->place = place;
    start(source);
  }
  return result;
}

void GenerationOutput::finish() {
  // Each removes itself from the list with its end.
  const auto sources = sources_;
  for (const auto& source : sources) source->pipe.finish();
}

std::shared_ptr<GenerationOutput::Source> GenerationOutput::add(
    os::LastingPipe pipe, os::Stream stream, os::ProcessId id,
    std::uint32_t generation) {
  return sources_.emplace_back(
      std::make_shared<Source>(io_, std::move(pipe), stream, id, generation));
}

void GenerationOutput::start(const std::shared_ptr<Source>& source) {
  // Held weakly: it owns the pipe that owns this call.
  source->pipe.start(
      [this, weak = std::weak_ptr{source}](std::string_view bytes) {
        if (const auto self = weak.lock()) on_bytes(*self, bytes);
      });
}

void GenerationOutput::on_bytes(Source& source, std::string_view bytes) {
  source.partial.disarm();
  std::string lines;
  if (bytes.empty()) {
    source.tagger.flush(lines);
    writer(source.stream).write(lines);
    std::erase_if(sources_,
                  [&](const auto& each) { return each.get() == &source; });
    return;
  }
  source.tagger.add(bytes, lines);
  LineWriter& to = writer(source.stream);
  to.write(lines);
  if (to.is_full()) {
    source.paused = true;
    source.pipe.pause();
  }
  if (!source.tagger.has_begun()) return;
  source.partial.arm(kPartialLine, [this, &source] {
    std::string line;
    source.tagger.flush(line);
    writer(source.stream).write(line);
  });
}

LineWriter& GenerationOutput::writer(os::Stream stream) {
  return stream == os::Stream::error ? error_ : output_;
}

void GenerationOutput::go_on() {
  const auto sources = sources_;
  for (const auto& source : sources) {
    if (!source->paused || writer(source->stream).is_full()) continue;
    source->paused = false;
    source->pipe.resume();
  }
}

}  // namespace relaunch::supervisor
