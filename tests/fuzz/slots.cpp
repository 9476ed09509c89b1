#include <algorithm>

#include "common/base/two_slots.hpp"
#include "fuzz/properties.hpp"

// The bytes are a file that keeps its record in two slots; what is torn, and
// where, is taken from them too.
namespace relaunch::fuzz {
namespace {

constexpr std::size_t kAll = std::string::npos;

void put(std::string& file, const SlotWrite& write, std::size_t bytes) {
  bytes = std::min(bytes, write.bytes.size());
  file.resize(std::max(file.size(), write.offset + bytes));
  file.replace(write.offset, bytes, write.bytes, 0, bytes);
}

}  // namespace

void check_slots(std::string_view bytes) {
  std::string file{bytes};
  const std::string_view record = bytes.substr(0, kMaxRecord);
  put(file, next_record(file, "before"), kAll);
  require(newest_record(file) == "before", "a record is read after any bytes");

  const SlotWrite write = next_record(file, record);
  require(write.offset % kSlotBytes == 0 && write.offset <= kSlotBytes &&
              write.bytes.size() <= kSlotBytes,
          "a record stays within one slot");
  std::string whole = file;
  put(whole, write, kAll);
  require(newest_record(whole) == record, "the newest record is read");

  const std::size_t torn_at =
      bytes.empty()
          ? 0
          : static_cast<unsigned char>(bytes.back()) % write.bytes.size();
  std::string torn = file;
  put(torn, write, torn_at);
  const auto found = newest_record(torn);
  require(found == "before" || found == record,
          "a torn write leaves the record before");
  put(torn, next_record(torn, "after"), kAll);
  require(newest_record(torn) == "after",
          "the next record is read after a torn write");
}

}  // namespace relaunch::fuzz
