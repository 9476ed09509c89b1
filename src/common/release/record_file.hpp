// A record of its own in a file, overwritten in place: see two_slots.hpp.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.hpp"

namespace relaunch::release {

/// Nothing if there is none, or none is whole.
std::optional<std::string> read_record(const std::filesystem::path& file);
/// Durable when it returns; on an error the record before stands. Errors: of
/// the file; errc::invalid_argument: it is longer than a slot.
Result<void> write_record(const std::filesystem::path& file,
                          std::string_view record);

}  // namespace relaunch::release
