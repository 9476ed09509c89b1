// Counts what happens, and says it in the text format of Prometheus:
// https://prometheus.io/docs/instrumenting/exposition_formats/
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "common/observe/event.hpp"

namespace relaunch::observe {

/// What is true now, from whoever serves the endpoint.
struct Snapshot {
  std::string name;     ///< of the instance: a label of every sample
  std::string version;  ///< of relaunch
  std::chrono::system_clock::time_point start{};  ///< of this process
  std::uint32_t generation = 0;                   ///< that serves; 0: none does
  std::string release;                            ///< that it runs
  std::uint64_t draining = 0;                     ///< generations
  std::uint64_t listeners = 0;                    ///< that are held
  bool upgrading = false;
};

/// On the library's thread only. Counters begin at 0 with the process, as
/// Prometheus expects of them.
class Metrics {
 public:
  Metrics();

  /// Subscribe it to the log of events.
  void add(const Event& event);
  std::string text(const Snapshot& snapshot) const;

 private:
  /// Upper bounds in seconds: a hop of the turn takes 1 ms, a build minutes.
  static constexpr std::array kBounds = {0.001, 0.005, 0.01, 0.05, 0.1,  0.5,
                                         1.0,   5.0,   15.0, 60.0, 300.0};
  struct Histogram {
    std::array<std::uint64_t, kBounds.size()> within{};
    std::uint64_t count = 0;
    std::uint64_t milliseconds = 0;
    void add(std::chrono::milliseconds value);
  };
  class Writer;

  void add_phase(std::string_view phase, std::chrono::milliseconds duration);
  void write_upgrades(Writer& out) const;
  void write_generations(Writer& out) const;

  /// By outcome and phase.
  std::map<std::pair<std::string, std::string>, std::uint64_t> upgrades_;
  std::map<std::string, Histogram, std::less<>> phases_;
  std::map<std::string, std::uint64_t, std::less<>> exits_;
  std::string phase_;                     ///< of the upgrade that is under way
  std::chrono::milliseconds elapsed_{0};  ///< before that phase
  std::uint64_t started_ = 0;
  std::uint64_t restarts_ = 0;
  std::uint64_t crash_loops_ = 0;
  std::uint64_t resets_ = 0;
  std::chrono::system_clock::time_point last_upgrade_{};
  bool crash_loop_ = false;
};

}  // namespace relaunch::observe
