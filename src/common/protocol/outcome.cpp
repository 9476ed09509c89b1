#include "common/protocol/outcome.hpp"

#include <algorithm>
#include <chrono>

#include "relaunch/error.hpp"

namespace relaunch::protocol {
namespace {

using std::chrono::microseconds;

/// The enumerator of this name; the first one if there is none.
template <typename Enum>
Enum named(std::string_view name, Enum last) {
  for (int i = 0; i <= static_cast<int>(last); ++i) {
    if (to_string(static_cast<Enum>(i)) == name) return static_cast<Enum>(i);
  }
  return Enum{};
}

}  // namespace

std::error_code code_of(std::string_view category, std::uint32_t code) {
  if (category.empty()) return {};
  const auto value = static_cast<int>(code);
  if (category == std::system_category().name()) {
    return {value, std::system_category()};
  }
  if (category == std::generic_category().name()) {
    return {value, std::generic_category()};
  }
  return {value, relaunch_category()};
}

std::vector<PhaseItem> to_items(const std::vector<PhaseTime>& phases) {
  std::vector<PhaseItem> items;
  for (const auto& [phase, at] : phases) {
    items.push_back({std::string{to_string(phase)},
                     static_cast<std::uint32_t>(
                         std::clamp<std::int64_t>(at.count(), 0, UINT32_MAX))});
  }
  return items;
}

std::vector<PhaseTime> to_phases(const std::vector<PhaseItem>& items) {
  std::vector<PhaseTime> phases;
  for (const auto& item : items) {
    phases.push_back({phase_of(item.phase), microseconds{item.microseconds}});
  }
  return phases;
}

Phase phase_of(std::string_view name) { return named(name, Phase::done); }

UpgradeEnded to_message(std::uint32_t number, const Outcome& outcome) {
  return {number,
          std::string{to_string(outcome.result)},
          std::string{to_string(outcome.phase)},
          outcome.code ? outcome.code.category().name() : "",
          static_cast<std::uint32_t>(outcome.code.value()),
          outcome.reason,
          outcome.serving_generation,
          outcome.serving_pid,
          outcome.release,
          to_items(outcome.phases),
          outcome.build_output};
}

Outcome to_outcome(const UpgradeEnded& ended) {
  Outcome outcome;
  outcome.result = Outcome::Result::refused;
  for (const auto result :
       {Outcome::Result::done, Outcome::Result::nothing_to_do,
        Outcome::Result::failed, Outcome::Result::rolled_back}) {
    if (to_string(result) == ended.result) outcome.result = result;
  }
  outcome.phase = phase_of(ended.phase);
  outcome.code = code_of(ended.category, ended.code);
  outcome.reason = ended.reason;
  outcome.serving_generation = ended.serving_generation;
  outcome.serving_pid = ended.serving_pid;
  outcome.release = ended.release;
  outcome.phases = to_phases(ended.phases);
  outcome.build_output = ended.build_output;
  return outcome;
}

}  // namespace relaunch::protocol
