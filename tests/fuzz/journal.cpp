#include "common/supervisor/journal_entry.hpp"
#include "fuzz/properties.hpp"

// The bytes are the supervisor's journal.
namespace relaunch::fuzz {

void check_journal(std::string_view bytes) {
  using namespace supervisor;
  const auto entries = journal_from(bytes);
  require(journal_from(to_text(entries)) == entries,
          "a journal comes back as it was");
  for (const JournalEntry& entry : entries) {
    require(entry.pid != 0 && entry.identity != 0,
            "whoever is in it can be told from others");
  }
}

}  // namespace relaunch::fuzz
