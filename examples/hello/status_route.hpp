// GET /status.
#pragma once

#include <cstdint>
#include <string>

#include "relaunch/outcome.hpp"

namespace hello {

/// One JSON object and a line end.
std::string status_json(const relaunch::Status& status, std::uint64_t requests);

}  // namespace hello
