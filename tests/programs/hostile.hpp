// A successor that speaks the protocol well up to a moment, then badly.
#pragma once

#include <string>

namespace relaunch::test {

/// `moment`: hello, adopted, ready, turn, health: the message in whose place
/// it misbehaves ("health": in probation). `kind`: garbage, version, oversized,
/// truncated (and closed), nonsense, unexpected, range (of versions), pid.
/// Afterwards it lives on and does nothing, for two minutes at most.
void be_hostile(const std::string& kind, const std::string& moment);

}  // namespace relaunch::test
