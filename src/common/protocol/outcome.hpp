// An outcome as a message, and back.
#pragma once

#include <string_view>
#include <system_error>
#include <vector>

#include "common/protocol/message.hpp"
#include "relaunch/outcome.hpp"

namespace relaunch::protocol {

UpgradeEnded to_message(std::uint32_t number, const Outcome& outcome);
/// What this build does not know by name becomes what says least: `refused`,
/// `idle`, an error of its own category with the code as it came.
Outcome to_outcome(const UpgradeEnded& ended);

std::vector<PhaseItem> to_items(const std::vector<PhaseTime>& phases);
std::vector<PhaseTime> to_phases(const std::vector<PhaseItem>& items);
/// As it was written; an unknown category becomes relaunch's own.
std::error_code code_of(std::string_view category, std::uint32_t code);
/// Phase::idle if there is none of this name.
Phase phase_of(std::string_view name);

}  // namespace relaunch::protocol
