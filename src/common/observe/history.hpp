// How the last upgrades ended: kept in the state folder, across restarts.
#pragma once

#include <boost/json/fwd.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.hpp"
#include "relaunch/outcome.hpp"

namespace relaunch::observe {

struct PhaseDuration {
  std::string phase;
  std::chrono::milliseconds duration{0};
};

/// In the state folder.
inline constexpr std::string_view kHistoryFile = "history.jsonl";

/// One upgrade that has ended.
struct HistoryEntry {
  std::chrono::system_clock::time_point time{};  ///< of its end
  std::uint64_t upgrade = 0;
  std::string outcome;  ///< as in the event: "done", "rolled_back" …
  std::string phase;    ///< where it ended
  std::uint32_t generation = 0;
  std::uint32_t pid = 0;
  std::string release;
  std::string reason;
  std::chrono::milliseconds duration{0};
  std::vector<PhaseDuration> phases;
};

/// `took`: from the request to the end.
HistoryEntry history_entry(std::uint64_t upgrade, const Outcome& outcome,
                           std::chrono::milliseconds took);

boost::json::object to_json(const HistoryEntry& entry);
std::optional<HistoryEntry> history_entry_from_json(
    const boost::json::object& object);

/// The last 100, oldest first: one object of JSON per line.
class History {
 public:
  static constexpr std::size_t kKept = 100;

  /// Without a file; nothing is kept.
  History() = default;
  /// A file that is not there is an empty history. Lines that cannot be read
  /// (torn, of another making) are passed over and gone at the next add().
  static Result<History> open(std::filesystem::path file);

  /// On the disk when this returns; whatever ends this process meanwhile, the
  /// file holds the entries before or these and the new one. On an error it is
  /// remembered all the same, and written with the next one.
  Result<void> add(HistoryEntry entry);
  /// Reads again what another generation may have added.
  void refresh();

  const std::deque<HistoryEntry>& entries() const { return entries_; }
  /// Upgrades are numbered on from here; 0 if there was none.
  std::uint64_t last_upgrade() const;
  boost::json::array to_json() const;

 private:
  Result<void> read();

  std::filesystem::path file_;
  std::deque<HistoryEntry> entries_;
  std::deque<HistoryEntry> unsaved_;
};

}  // namespace relaunch::observe
