// What `status` answers, the same below a supervisor and in a server that
// embeds the library.
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <string>

#include "common/handover/listeners.hpp"
#include "common/upgrade/departures.hpp"
#include "relaunch/outcome.hpp"

namespace relaunch::control {

struct StatusFacts {
  std::string name;
  std::string mode;  ///< "supervisor" or "library"
  std::chrono::milliseconds uptime{0};
  const handover::ListenerSet& listeners;
  const upgrade::Departures& departures;
};

boost::json::object to_json(const Status& status, const StatusFacts& facts);

}  // namespace relaunch::control
