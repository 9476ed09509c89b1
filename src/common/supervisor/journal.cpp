#include "common/supervisor/journal.hpp"

#include <algorithm>

#include "common/release/record_file.hpp"

namespace relaunch::supervisor {

std::vector<JournalEntry> Journal::read() const {
  const auto text = release::read_record(file_);
  return text ? journal_from(*text) : std::vector<JournalEntry>{};
}

Result<void> Journal::write(const std::vector<JournalEntry>& entries) {
  if (entries == written_) return {};
  auto written = release::write_record(file_, to_text(entries));
  if (written) written_ = entries;
  return written;
}

std::vector<Fate> resolve(const std::vector<Survivor>& survivors,
                          std::uint32_t committed, os::ProcessId pid) {
  const auto is_committed = [&](const Survivor& each) {
    return each.entry.generation == committed && each.entry.pid == pid;
  };
  const bool incumbent_lives = std::any_of(
      survivors.begin(), survivors.end(), [&](const Survivor& each) {
        return is_committed(each) && (each.rejoined || !each.entry.embedded);
      });
  std::vector<Fate> fates;
  bool promoted = false;
  for (const Survivor& each : survivors) {
    if (is_committed(each)) {
      fates.push_back(!each.entry.embedded ? Fate::keep
                      : !each.rejoined     ? Fate::end
                      : each.has_turn      ? Fate::adopt
                                           : Fate::resume);
    } else if (each.entry.role == Role::successor &&
               each.entry.generation > committed) {
      const bool fit = each.rejoined && each.has_turn && !promoted;
      // One that knows nothing of this accepts beside the incumbent, and has
      // requests to finish.
      fates.push_back(!incumbent_lives && fit ? Fate::promote
                      : each.rejoined         ? Fate::give_back
                      : incumbent_lives && !each.entry.embedded ? Fate::drain
                                                                : Fate::end);
      promoted = promoted || fates.back() == Fate::promote;
    } else {
      fates.push_back(Fate::drain);
    }
  }
  return fates;
}

}  // namespace relaunch::supervisor
