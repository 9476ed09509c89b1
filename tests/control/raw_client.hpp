// A client that is not bound to frames.
#pragma once

#include <string>

#include "common/os/handle.hpp"

namespace relaunch::test {

/// An end of the endpoint at this address, for write_raw() and read_raw().
os::Handle open_raw(const std::string& address);
/// All that comes until the other side closes, 20 seconds at most; nothing: it
/// did not close by then.
bool is_closed_by_peer(native_handle end);

}  // namespace relaunch::test
