#include "common/base/two_slots.hpp"

#include <algorithm>
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace relaunch {
namespace {

// magic u32 · length u32 · sequence u64 · XXH3 u64 of what is before and of the
// record; little-endian.
constexpr std::string_view kMagic = "RLS1";
constexpr std::size_t kChecksumAt = 16;

void put(std::string& out, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) {
    out += static_cast<char>(value >> (8 * i) & 0xFF);
  }
}

std::uint64_t get(std::string_view in, std::size_t at, int bytes) {
  std::uint64_t value = 0;
  for (int i = bytes; i-- > 0;) {
    value = value << 8 |
            static_cast<unsigned char>(in[at + static_cast<std::size_t>(i)]);
  }
  return value;
}

std::uint64_t checksum(std::string_view head, std::string_view record) {
  const auto seed = XXH3_64bits(head.data(), head.size());
  return XXH3_64bits_withSeed(record.data(), record.size(), seed);
}

struct Slot {
  std::uint64_t sequence = 0;
  std::string_view record;
};

std::optional<Slot> read_slot(std::string_view file, std::size_t offset) {
  if (file.size() < offset + kSlotHeaderBytes) return {};
  const auto slot = file.substr(offset, kSlotBytes);
  if (!slot.starts_with(kMagic)) return {};
  const auto length = get(slot, 4, 4);
  if (length > slot.size() - kSlotHeaderBytes) return {};
  const auto record = slot.substr(kSlotHeaderBytes, length);
  if (get(slot, kChecksumAt, 8) !=
      checksum(slot.substr(0, kChecksumAt), record)) {
    return {};
  }
  return Slot{get(slot, 8, 8), record};
}

struct Slots {
  std::optional<Slot> first, second;

  /// Counted round, so that no number is the last one.
  bool second_is_newest() const {
    return second && (!first || static_cast<std::int64_t>(second->sequence -
                                                          first->sequence) > 0);
  }
  const std::optional<Slot>& newest() const {
    return second_is_newest() ? second : first;
  }
};

Slots read_slots(std::string_view file) {
  return {read_slot(file, 0), read_slot(file, kSlotBytes)};
}

}  // namespace

std::optional<std::string_view> newest_record(std::string_view file) {
  const auto newest = read_slots(file).newest();
  if (!newest) return {};
  return newest->record;
}

SlotWrite next_record(std::string_view file, std::string_view record) {
  const Slots slots = read_slots(file);
  const auto newest = slots.newest();
  SlotWrite write;
  // Never over the newest whole one.
  write.offset = newest && !slots.second_is_newest() ? kSlotBytes : 0;
  write.bytes = kMagic;
  put(write.bytes, record.size(), 4);
  put(write.bytes, newest ? newest->sequence + 1 : 1, 8);
  put(write.bytes, checksum(write.bytes, record), 8);
  write.bytes += record;
  return write;
}

}  // namespace relaunch
