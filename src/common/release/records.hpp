// The small JSON files of the state folder: text in, text out. What cannot be
// read is as good as absent: a torn record must never keep a server down.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/release/store.hpp"

namespace relaunch::release {

/// <hash>.json
struct ReleaseRecord {
  std::string executable;  ///< in the release's folder, UTF-8, '/' between
  std::string artifact;    ///< where it came from
};
std::string write_release(const ReleaseRecord& record);
std::optional<ReleaseRecord> read_release(std::string_view json);

/// committed
struct CurrentRecord {
  Current current;
  std::vector<std::string> history;  ///< committed releases, the newest first
};
std::string write_current(const CurrentRecord& record);
std::optional<CurrentRecord> read_current(std::string_view json);

/// held.json, the oldest first.
struct HeldRecord {
  std::string release;
  std::string reason;
};
std::string write_held(const std::vector<HeldRecord>& records);
std::vector<HeldRecord> read_held(std::string_view json);

}  // namespace relaunch::release
