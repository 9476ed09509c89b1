// Bytes of one stream of a generation become lines that say whose they are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/text.hpp"

namespace relaunch::supervisor {

/// "[3] hello\n". Holds at most kLongest bytes.
class LineTagger {
 public:
  /// A longer line is cut; its other pieces are tagged "[3]+ ".
  static constexpr std::size_t kLongest = 8'192;

  explicit LineTagger(std::uint32_t generation)
      : tag_(text::cat('[', generation, ']')) {}

  /// Appends to `out` the lines that these bytes complete.
  void add(std::string_view bytes, std::string& out);
  /// What has been begun, as a line; the rest of it, if any, is a piece.
  void flush(std::string& out);
  bool has_begun() const { return !begun_.empty(); }

 private:
  void put(std::string_view line, std::string& out);

  std::string tag_;
  std::string begun_;
  bool continued_ = false;
};

}  // namespace relaunch::supervisor
