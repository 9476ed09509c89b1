#include "demo/settings.hpp"

#include "demo/supervisor_command.hpp"

namespace relaunch::demo {

std::string_view usage() {
  return "usage: relaunch-demo [--supervised] [--colours] [--keep]\n"
         "                     [--source FOLDER] [--scratch FOLDER]\n"
         "  --supervised  below `relaunch run`\n"
         "  --colours  with colours\n"
         "  --keep     leaves the scratch folder behind\n"
         "  --source   the hello example; --scratch is removed and made anew\n";
}

std::optional<Settings> read_settings(const std::vector<std::string>& words) {
  Settings settings;
  for (std::size_t i = 1; i < words.size(); ++i) {
    const bool last = i + 1 == words.size();
    if (words[i] == "--supervised" && SupervisorCommand::built()) {
      settings.supervised = true;
    } else if (words[i] == "--colours") {
      settings.colours = true;
    } else if (words[i] == "--keep") {
      settings.keep = true;
    } else if (words[i] == "--source" && !last) {
      settings.source = words[++i];
    } else if (words[i] == "--scratch" && !last) {
      settings.scratch = words[++i];
    } else {
      return std::nullopt;
    }
  }
  return settings;
}

}  // namespace relaunch::demo
