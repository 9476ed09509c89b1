// What the demo is asked for on its command line.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "demo/demo_config.hpp"

namespace relaunch::demo {

struct Settings {
  std::string source = kHelloSource;
  std::string scratch = kScratchFolder;
  bool supervised = false;
  bool colours = false;
  bool keep = false;
};

std::string_view usage();
/// Nothing: a word is not known. `words` begin with the program's name.
std::optional<Settings> read_settings(const std::vector<std::string>& words);

}  // namespace relaunch::demo
