// What a supervisor must know about its generations when it has been killed and
// started again: a record of two slots, written at each transition.
//
// The committed release is not in it: that is the store's record, and that
// record alone decides which generation stays.
#pragma once

#include <cstdint>
#include <filesystem>
#include <utility>
#include <vector>

#include "common/base/result.hpp"
#include "common/supervisor/journal_entry.hpp"

namespace relaunch::supervisor {

class Journal {
 public:
  Journal() = default;
  explicit Journal(std::filesystem::path file) : file_(std::move(file)) {}

  std::vector<JournalEntry> read() const;
  /// Durable when it returns. Nothing is written if nothing has changed.
  Result<void> write(const std::vector<JournalEntry>& entries);

 private:
  std::filesystem::path file_;
  std::vector<JournalEntry> written_;
};

// What is to become of the survivors: pure.

/// A generation that still runs.
struct Survivor {
  JournalEntry entry;
  bool rejoined = false;   ///< it has given its listeners back
  bool committed = false;  ///< as it says itself
  bool has_turn = false;
};
enum class Fate {
  adopt,      ///< it is the incumbent
  resume,     ///< it is the incumbent, and accepts again when nobody else does
  promote,    ///< it is committed now: nobody else can serve
  give_back,  ///< its upgrade is taken back
  drain,      ///< it was to leave, and is to
  end,        ///< it cannot be reached
  keep,       ///< it is not ours to reach: it serves on, without its listeners
};
/// For each survivor, in order. `committed`: the generation of the record.
std::vector<Fate> resolve(const std::vector<Survivor>& survivors,
                          std::uint32_t committed, os::ProcessId pid);

}  // namespace relaunch::supervisor
