#include "common/release/record_file.hpp"

#include "common/base/text.hpp"
#include "common/base/two_slots.hpp"
#include "common/os/files.hpp"

namespace relaunch::release {
namespace {

/// Whoever reads while two records are written one after the other can find
/// each slot half written; the next look finds one of them whole.
constexpr int kLooks = 3;

/// What it holds; nothing if it is not there.
Result<std::string> bytes_of(const std::filesystem::path& file) {
  auto bytes = os::read_file(file, 2 * kSlotBytes);
  if (!bytes && bytes.error().code() == std::errc::no_such_file_or_directory) {
    return std::string{};
  }
  return bytes;
}

}  // namespace

std::optional<std::string> read_record(const std::filesystem::path& file) {
  for (int look = 0; look < kLooks; ++look) {
    const auto bytes = bytes_of(file);
    if (!bytes || bytes->empty()) return {};
    if (const auto record = newest_record(*bytes)) return std::string{*record};
  }
  return {};
}

Result<void> write_record(const std::filesystem::path& file,
                          std::string_view record) {
  if (record.size() > kMaxRecord) {
    return Error{errc::invalid_argument,
                 text::cat("cannot write ", file, ": the record has ",
                           record.size(), " bytes, the limit is ", kMaxRecord)};
  }
  // Without it the new record could get a lower number than the one before, or
  // take the place of it.
  const auto bytes = bytes_of(file);
  if (!bytes) return bytes.error();
  const auto write = next_record(*bytes, record);
  auto written = os::write_in_place(file, write.offset, write.bytes);
  if (!written) {
    // The system may have taken all of it and failed only to bring it to the
    // disk: whoever reads would find a record that was never made.
    (void)os::write_in_place(file, write.offset,
                             std::string(kSlotHeaderBytes, '\0'));
  }
  return written;
}

}  // namespace relaunch::release
