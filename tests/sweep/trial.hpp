// One upgrade that is ended or disturbed at one point, and what must hold then.
#pragma once

#include <string>
#include <vector>

#include "sweep/points.hpp"

namespace relaunch::test {

struct Verdict {
  bool reached = false;
  std::vector<std::string> violations;
  std::string output;  ///< of the server, if there are any
};

/// Throws std::exception if the server cannot even be started.
Verdict try_point(const Point& point);

/// The calls of one good upgrade. Throws std::runtime_error.
Calls record_upgrade(const std::string& role);

}  // namespace relaunch::test
