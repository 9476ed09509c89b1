#include "demo/outcome_line.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace relaunch::demo {

std::optional<double> began_ms(std::string_view outcome,
                               std::string_view phase) {
  std::size_t at = outcome.rfind(" began_us=");
  if (at == outcome.npos) return std::nullopt;
  at = outcome.find(std::string(phase) + ':', at);
  if (at == outcome.npos) return std::nullopt;
  const std::string_view digits = outcome.substr(at + phase.size() + 1);
  std::uint64_t us = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), us);
  return static_cast<double>(us) / 1000;
}

os::ProcessId pid_in(std::string_view outcome) {
  constexpr std::string_view kKey = " pid=";
  const std::size_t at = outcome.find(kKey);
  os::ProcessId id = 0;
  if (at == outcome.npos) return id;
  const std::string_view digits = outcome.substr(at + kKey.size());
  std::from_chars(digits.data(), digits.data() + digits.size(), id);
  return id;
}

std::string heading(std::string_view outcome) {
  const std::size_t fields = outcome.find(" generation=");
  return std::string(outcome.substr(0, std::min(outcome.find(':'), fields)));
}

}  // namespace relaunch::demo
