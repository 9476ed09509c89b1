// What a process holds when it is about to launch a generation.
#pragma once

#include <string>

#include "common/base/text.hpp"
#include "relaunch/upgrader.hpp"
#include "support/system_facts.hpp"

namespace relaunch::test {

inline std::string census_line(const LaunchPlan& plan) {
  const OwnFacts facts = own_facts();
  return text::cat("census handles=", facts.handles, " threads=", facts.threads,
                   " resident_kib=", facts.resident_kib,
                   " variables=", plan.environment.size(),
                   " arguments=", plan.arguments.size());
}

}  // namespace relaunch::test
