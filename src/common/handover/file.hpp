// What is said of files that cross.
#pragma once

#include <string_view>

#include "relaunch/file.hpp"

namespace relaunch::handover {

constexpr std::string_view to_text(FileKind kind) {
  return kind == FileKind::pipe ? "pipe" : "file";
}

constexpr std::string_view to_text(FileAccess access) {
  switch (access) {
    case FileAccess::read:
      return "read";
    case FileAccess::write:
      return "write";
    case FileAccess::read_write:
      break;
  }
  return "read_write";
}

}  // namespace relaunch::handover
