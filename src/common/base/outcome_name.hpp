// The outcome as events, metrics and JSON name it.
#pragma once

#include <string>

#include "relaunch/outcome.hpp"

namespace relaunch {

/// As `to_string`, without a blank: "done", "rolled_back" …
std::string outcome_name(Outcome::Result result);

}  // namespace relaunch
