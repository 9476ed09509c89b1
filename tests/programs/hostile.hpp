// Whoever speaks the protocol well up to a moment, then badly.
#pragma once

#include <memory>
#include <string>

#include "common/os/channel.hpp"
#include "common/protocol/message.hpp"

namespace relaunch::test {

/// `kind`: garbage, version, oversized, truncated (and closed), nonsense,
/// unexpected, range (of versions), pid. In place of this message, on the
/// channel whose handle is `raw`.
void misbehave(const std::string& kind, native_handle raw,
               std::unique_ptr<os::Channel>& channel,
               const protocol::Message& message);

/// As a successor. `moment`: hello, adopted, ready, turn, health: the message
/// in whose place it misbehaves ("health": in probation). Afterwards it lives
/// on and does nothing, for two minutes at most.
void be_hostile(const std::string& kind, const std::string& moment);

}  // namespace relaunch::test
