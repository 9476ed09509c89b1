// The name under which a file is written before it gets its own.
#pragma once

#include <atomic>
#include <filesystem>
#include <string_view>

#include "common/base/text.hpp"
#include "common/os/system.hpp"

namespace relaunch::os {

/// Whoever finds one can tell whether its writer still runs.
inline constexpr std::string_view kTemporaryPrefix = ".new-";

/// ".new-<pid>-<number>" in the folder of `file`, a new one each time.
inline std::filesystem::path temporary_name(const std::filesystem::path& file) {
  static std::atomic<unsigned> counter{0};
  return file.parent_path() /
         text::path_from_utf8(
             text::cat(kTemporaryPrefix, own_process_id(), '-', ++counter));
}

}  // namespace relaunch::os
