// What this server is about. A small file that includes little: the demo
// changes it, and the next generation is ready a moment later.
#pragma once

#include <cstdint>
#include <string>

namespace hello {

/// Called once, before this generation says that it is ready.
void at_start();

/// The answer to GET /hello.
std::string greeting();

/// Is this generation fit to serve? `answered`: requests it has answered.
bool healthy(std::uint64_t answered);

}  // namespace hello
