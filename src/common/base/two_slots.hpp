// A record that is overwritten in place and never lost: two slots in one file,
// each with a checksum. A new record goes into the slot that does not hold the
// newest one; torn at any byte, the one before still stands.
//
// In place of a rename, which fails on Windows while somebody reads the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace relaunch {

/// Where the second one begins; also how much a slot can hold with its header.
inline constexpr std::size_t kSlotBytes = 64 * 1024;
inline constexpr std::size_t kSlotHeaderBytes = 24;
inline constexpr std::size_t kMaxRecord = kSlotBytes - kSlotHeaderBytes;

/// The newest whole record in these bytes of a file.
std::optional<std::string_view> newest_record(std::string_view file);

struct SlotWrite {
  std::size_t offset = 0;
  std::string bytes;
};
/// How to put `record` (at most kMaxRecord bytes) into a file that now holds
/// these bytes.
SlotWrite next_record(std::string_view file, std::string_view record);

}  // namespace relaunch
