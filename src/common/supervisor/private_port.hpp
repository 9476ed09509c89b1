// Where one generation, and no other, is probed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.hpp"
#include "common/os/handle.hpp"
#include "common/supervisor/options.hpp"
#include "common/supervisor/probe.hpp"
#include "relaunch/upgrader.hpp"

namespace relaunch::supervisor {

inline constexpr std::string_view kProbeListener = "relaunch-probe";
inline constexpr std::string_view kProbeVariable = "RELAUNCH_PROBE_PORT";

struct PrivatePort {
  std::uint16_t port = 0;  ///< of 127.0.0.1; 0: nothing is probed there
  /// The variable that tells it. Also where the listener is given, for those
  /// whom a command asks.
  std::string variable;
  /// What the generation is given; empty: it listens by itself.
  os::Socket listener;

  /// "NAME=port"; nothing without a port.
  std::string assignment() const;
};

/// A new port for the next generation, if a probe of these needs one. One that
/// the generation is to open itself is free at this moment, and somebody else
/// may take it: then the generation fails, and the next one has another.
Result<PrivatePort> open_private_port(const ForeignOptions& options);

/// One of these kinds?
bool is_probe(Readiness kind);

/// The question for a generation that was started so.
ProbeQuestion question_for(Readiness kind,
                           const std::vector<std::string>& target,
                           const PrivatePort& port, const LaunchPlan& plan,
                           std::chrono::milliseconds deadline);

}  // namespace relaunch::supervisor
