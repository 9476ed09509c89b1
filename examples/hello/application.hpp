// The server with its Upgrader, from start to end.
#pragma once

#include "options.hpp"

namespace hello {

/// Returns when this generation has left: replaced, or asked to stop.
///
/// Throws Failure before it has served anything: an option, the artifact, the
/// state folder or the address cannot be used. A successor that throws costs
/// nothing: its incumbent goes on.
void serve(const Options& options);

}  // namespace hello
