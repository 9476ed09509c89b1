// What the generations print, each line with the number of its generation, on
// the supervisor's own streams.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "common/os/lasting_pipe.hpp"
#include "common/os/process.hpp"
#include "common/supervisor/line_writer.hpp"
#include "common/upgrade/mailbox.hpp"

namespace relaunch::supervisor {

/// All calls on the io_context's thread.
///
/// A generation whose lines find no room, since nobody reads the supervisor's
/// stream, waits as it would if the stream were its own; the supervisor does
/// not. It does not die with the supervisor either (see os::LastingPipe).
class GenerationOutput {
 public:
  /// The writers must outlive it.
  GenerationOutput(boost::asio::io_context& io, LineWriter& output,
                   LineWriter& error);
  ~GenerationOutput();
  GenerationOutput(const GenerationOutput&) = delete;
  GenerationOutput& operator=(const GenerationOutput&) = delete;

  /// As os::launch(), with both streams read here under this number.
  Result<os::Process> launch(os::LaunchRequest request,
                             std::uint32_t generation);
  /// Where the streams of this process are, for a supervisor that comes after
  /// this one: words for take_back(). Empty: it is not known here, or its
  /// output has ended.
  std::vector<std::string> places(os::ProcessId id) const;
  /// Reads on what a process prints that another supervisor has started.
  /// Errors: as of os::LastingPipe::take_back; what could be taken is read.
  Result<void> take_back(const os::Process& process, std::uint32_t generation,
                         const std::vector<std::string>& places);
  /// Passes on what has been printed so far; for the end of the supervisor.
  void finish();

 private:
  struct Source;

  std::shared_ptr<Source> add(os::LastingPipe pipe, os::Stream stream,
                              os::ProcessId id, std::uint32_t generation);
  void start(const std::shared_ptr<Source>& source);
  void on_bytes(Source& source, std::string_view bytes);
  LineWriter& writer(os::Stream stream);
  void go_on();

  boost::asio::io_context& io_;
  LineWriter& output_;
  LineWriter& error_;
  std::list<std::shared_ptr<Source>> sources_;
  /// The writers' threads may post a moment longer than this lives.
  std::shared_ptr<upgrade::Mailbox> mailbox_;
  std::shared_ptr<GenerationOutput*> self_;
};

}  // namespace relaunch::supervisor
