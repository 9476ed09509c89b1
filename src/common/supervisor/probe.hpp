// Asks a generation how it is, as a stranger would: over HTTP, by a connection,
// or by a command.
//
// A probe asks one generation and no other: on a port of the loopback address
// that it alone has, never on the listeners that generations share.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/result.hpp"
#include "common/os/system.hpp"
#include "common/supervisor/options.hpp"

namespace relaunch::supervisor {

struct ProbeQuestion {
  Readiness kind = Readiness::http;  ///< http, tcp, command
  /// http: the path; command: its words.
  std::vector<std::string> target;
  std::uint16_t port = 0;  ///< http, tcp: of 127.0.0.1
  /// Of the command; complete.
  std::filesystem::path folder;
  os::Environment environment;
  std::chrono::milliseconds deadline{2000};
};

/// What is wrong with a target, before anything is started: errc::
/// invalid_argument. Kinds that are no probe need none.
Result<void> check_probe_target(Readiness kind,
                                const std::vector<std::string>& target);

/// One question at a time. All calls and callbacks on the io_context's thread.
class Probe {
 public:
  using OnAnswer = std::function<void(Result<void>)>;

  explicit Probe(boost::asio::io_context& io);
  ~Probe();  ///< no call comes afterwards

  /// The one before is not answered any more. Never answered before this
  /// returns. Errors: errc::unhealthy, with what it said; a system error;
  /// std::errc::timed_out.
  /// http: a status of 2xx is good. tcp: it could be connected to, which says
  /// nothing about a port where somebody else holds the listener: the system
  /// takes connections for it. command: exit code 0; ended at the deadline
  /// with all that it started.
  void ask(const ProbeQuestion& question, OnAnswer on_answer);
  void cancel();

  /// Where the work is done; one for each kind.
  class Work;

 private:
  boost::asio::io_context& io_;
  std::shared_ptr<Work> work_;
};

}  // namespace relaunch::supervisor
