#include "programs/settings.hpp"

namespace relaunch::test {

using std::chrono::milliseconds;

Settings read_settings(const std::vector<std::string>& words) {
  Settings settings;
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::size_t equals = words[i].find('=');
    settings.emplace(words[i].substr(0, equals), words[i].substr(equals + 1));
  }
  return settings;
}

std::string setting(const Settings& settings, std::string_view key,
                    std::string otherwise) {
  const auto entry = settings.find(key);
  return entry == settings.end() ? otherwise : entry->second;
}

std::vector<std::string> all_settings(const Settings& settings,
                                      std::string_view key) {
  std::vector<std::string> values;
  const auto [first, last] = settings.equal_range(key);
  for (auto each = first; each != last; ++each) values.push_back(each->second);
  return values;
}

Deadlines read_deadlines(const Settings& settings) {
  using Member = milliseconds Deadlines::*;
  const std::map<std::string, Member> members{
      {"build_deadline", &Deadlines::build},
      {"stage", &Deadlines::stage},
      {"hello", &Deadlines::hello},
      {"ready", &Deadlines::ready},
      {"ready_cap", &Deadlines::ready_cap},
      {"pause", &Deadlines::pause},
      {"turn", &Deadlines::turn},
      {"probation", &Deadlines::probation},
      {"health_interval", &Deadlines::health_interval},
      {"health", &Deadlines::health},
      {"drain", &Deadlines::drain},
      {"grace", &Deadlines::grace}};
  Deadlines deadlines;
  for (const auto& [name, member] : members) {
    const std::string text = setting(settings, name);
    if (!text.empty()) deadlines.*member = milliseconds(std::stoll(text));
  }
  return deadlines;
}

void read_number(const Settings& settings, std::string_view key,
                 unsigned& number) {
  const std::string text = setting(settings, key);
  if (!text.empty()) number = static_cast<unsigned>(std::stoul(text));
}

}  // namespace relaunch::test
