// Who may ask for what.
#pragma once

#include "common/control/message.hpp"
#include "common/os/endpoint.hpp"

namespace relaunch::control {

/// The one place that decides. A peer whom the system does not vouch for may
/// nothing, not even look: a status names paths and processes.
Result<void> authorise(const os::Peer& peer, Verb verb);

}  // namespace relaunch::control
