// The releases that the demo makes, and what must become of each.
#pragma once

#include <string_view>
#include <vector>

#include "demo/workshop.hpp"

namespace relaunch::demo {

struct Step {
  std::string_view title;
  std::string_view remark;
  std::vector<Edit> edits;
  std::string_view outcome;   ///< how it must begin
  std::string_view greeting;  ///< who serves afterwards says so
  bool replaced = false;      ///< a new generation serves
};

const std::vector<Step>& steps();

/// Is this what one of the releases says to a client that is served well?
bool is_greeting(std::string_view text);

}  // namespace relaunch::demo
