#include "relaunch/outcome.hpp"

#include <algorithm>

#include "common/base/outcome_name.hpp"

namespace relaunch {

std::string_view to_string(Phase phase) noexcept {
  switch (phase) {
    case Phase::idle:
      return "idle";
    case Phase::build:
      return "build";
    case Phase::stage:
      return "stage";
    case Phase::launch:
      return "launch";
    case Phase::prepare:
      return "prepare";
    case Phase::switching:
      return "switch";
    case Phase::probation:
      return "probation";
    case Phase::commit:
      return "commit";
    case Phase::drain:
      return "drain";
    case Phase::done:
      return "done";
  }
  return "unknown";
}

std::string_view to_string(Outcome::Result result) noexcept {
  switch (result) {
    case Outcome::Result::done:
      return "done";
    case Outcome::Result::nothing_to_do:
      return "nothing to do";
    case Outcome::Result::failed:
      return "failed";
    case Outcome::Result::rolled_back:
      return "rolled back";
    case Outcome::Result::refused:
      return "refused";
  }
  return "unknown";
}

std::string outcome_name(Outcome::Result result) {
  std::string name{to_string(result)};
  std::ranges::replace(name, ' ', '_');
  return name;
}

}  // namespace relaunch
