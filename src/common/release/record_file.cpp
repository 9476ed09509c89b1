#include "common/release/record_file.hpp"

#include "common/base/text.hpp"
#include "common/base/two_slots.hpp"
#include "common/os/files.hpp"

namespace relaunch::release {

std::optional<std::string> read_record(const std::filesystem::path& file) {
  const auto bytes = os::read_file(file, 2 * kSlotBytes);
  if (!bytes) return {};
  const auto record = newest_record(*bytes);
  if (!record) return {};
  return std::string{*record};
}

Result<void> write_record(const std::filesystem::path& file,
                          std::string_view record) {
  if (record.size() > kMaxRecord) {
    return Error{errc::invalid_argument,
                 text::cat("cannot write ", file, ": the record has ",
                           record.size(), " bytes, the limit is ", kMaxRecord)};
  }
  // What cannot be read is as good as empty; if it cannot be written either,
  // that is told.
  const auto bytes = os::read_file(file, 2 * kSlotBytes);
  const auto write = next_record(
      bytes ? std::string_view{*bytes} : std::string_view{}, record);
  return os::write_in_place(file, write.offset, write.bytes);
}

}  // namespace relaunch::release
