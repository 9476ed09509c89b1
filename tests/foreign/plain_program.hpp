// A server that knows nothing of relaunch, as this system has them.
#pragma once

#include <string>
#include <vector>

namespace relaunch::test {

/// The words that start it; it answers any GET.
std::vector<std::string> plain_program();

}  // namespace relaunch::test
