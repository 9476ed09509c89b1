// A generation in the supervisor's journal, and the journal's text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/os/system.hpp"

namespace relaunch::supervisor {

enum class Role {
  incumbent,
  successor,  ///< not committed, as far as the journal knows
  draining,
};

struct JournalEntry {
  std::uint32_t generation = 0;
  os::ProcessId pid = 0;
  std::uint64_t identity = 0;  ///< os::process_identity
  Role role = Role::incumbent;
  std::string release;
  bool embedded = true;
  /// Where what it prints can be read on (GenerationOutput::places).
  std::vector<std::string> output;
  bool operator==(const JournalEntry&) const = default;
};

std::string to_text(const std::vector<JournalEntry>& entries);
/// Nothing at all if it is none; what cannot be read of it is left out.
std::vector<JournalEntry> journal_from(std::string_view text);

}  // namespace relaunch::supervisor
