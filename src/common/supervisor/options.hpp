// What `relaunch run` is told: the result of command line, environment and
// configuration file.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "relaunch/upgrader.hpp"

namespace relaunch::supervisor {

/// How a generation says that it is ready.
enum class Readiness {
  embedded,  ///< it embeds the library
  notify,    ///< READY=1 on NOTIFY_SOCKET
  http,      ///< a GET of `readiness_target` is answered with 2xx
  tcp,       ///< it can be connected to
  command,   ///< `readiness_target` ends with exit code 0
  none,      ///< as soon as it runs
};

enum class Output {
  tagged,   ///< each line with the number of its generation
  inherit,  ///< its standard streams are the supervisor's
};

enum class LogFormat { text, logfmt, json };

struct ListenerOption {
  std::string name;
  std::string address;  ///< "tcp://0.0.0.0:8080"
};

/// When a generation has ended that was not told to.
struct RestartOptions {
  using ms = std::chrono::milliseconds;
  ms delay{100};             ///< before the first restart; then doubled
  ms delay_max{30'000};      ///< never longer, jitter apart
  unsigned crash_limit = 5;  ///< so many ends …
  ms crash_window{60'000};   ///< … within this time are a crash loop: held
  /// So long in service, and the delay begins anew.
  ms stable{10'000};
};

/// Of a program that does not embed the library; `health` of any.
struct ForeignOptions {
  Readiness readiness = Readiness::embedded;
  /// http: "/path"; command: its words.
  std::vector<std::string> readiness_target;
  /// Asked of the successor before the switch and in probation; its kind, and
  /// what it needs as above. `none`: not asked.
  Readiness health = Readiness::none;
  std::vector<std::string> health_target;
  /// Windows: INT is Ctrl+C, any other Ctrl+Break.
  std::string stop_signal = "TERM";
  /// Windows: how this very program is started to send Ctrl+Break to it.
  std::vector<std::string> console_helper{"send-console-event"};
  /// How a generation gets the private port where alone it is probed. Empty:
  /// as one more listener of the loopback address, by the protocol that gives
  /// it the others ("relaunch-probe" in LISTEN_FDNAMES). Otherwise the name of
  /// the variable that tells it which port to open there by itself; tcp always
  /// needs one, since connections to a listener that was given wait in its
  /// queue, also for a program that does not accept. Default: of tcp, and of
  /// programs that embed the library, RELAUNCH_PROBE_PORT.
  std::string probe_variable;
  /// Longer without WATCHDOG=1 is as bad as a crash; 0: not asked for.
  std::chrono::milliseconds watchdog{0};
};

struct Options {
  /// Names the instance: its state, its control endpoint.
  std::string name;
  std::filesystem::path state_folder;  ///< absolute
  std::filesystem::path run_folder;    ///< absolute
  std::vector<ListenerOption> listeners;
  /// The program and its arguments, UTF-8.
  std::vector<std::string> program;
  std::filesystem::path folder;          ///< its working folder; absolute
  std::vector<std::string> environment;  ///< "NAME=VALUE", beside the own
  Command build;
  /// Staged and started from the copy; empty: the program is started as it is,
  /// there are no releases and no "nothing to do".
  std::filesystem::path artifact;
  std::filesystem::path executable;
  Deadlines deadlines;
  unsigned max_draining = 4;
  unsigned keep_releases = 3;
  RestartOptions restart;
  ForeignOptions foreign;
  Output output = Output::tagged;
  LogFormat log_format = LogFormat::text;
  std::filesystem::path log_file;      ///< empty: standard error
  std::filesystem::path metrics_file;  ///< empty: none
  std::filesystem::path pid_file;      ///< empty: none
};

}  // namespace relaunch::supervisor
