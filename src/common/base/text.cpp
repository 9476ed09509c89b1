#include "common/base/text.hpp"

#include <cstddef>

namespace relaunch::text {
namespace {

void append_escaped(std::string& out, std::string_view bytes) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += "\\x";
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
}

/// How many bytes the UTF-8 character at the front has; 0 if it is none:
/// overlong, a surrogate, above U+10FFFF or cut off.
std::size_t utf8_length(std::string_view raw) {
  const auto byte = [&](std::size_t i) {
    return i < raw.size() ? static_cast<unsigned char>(raw[i]) : 0u;
  };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  if (first == 0xE0 && byte(1) < 0xA0) return 0;
  if (first == 0xED && byte(1) > 0x9F) return 0;
  if (first == 0xF0 && byte(1) < 0x90) return 0;
  if (first == 0xF4 && byte(1) > 0x8F) return 0;
  return length;
}

/// C0, DEL and C1: a terminal obeys U+009B as it obeys ESC [.
bool is_control(std::string_view character) {
  const auto first = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) return first < 0x20 || first == 0x7F;
  return first == 0xC2 && static_cast<unsigned char>(character[1]) < 0xA0;
}

std::string clean(std::string_view raw, bool keep_controls) {
  std::string out;
  out.reserve(raw.size());
  while (!raw.empty()) {
    const std::size_t length = utf8_length(raw);
    const std::string_view character = raw.substr(0, length ? length : 1);
    if (length == 0 || (!keep_controls && is_control(character))) {
      append_escaped(out, character);
    } else {
      out += character;
    }
    raw.remove_prefix(character.size());
  }
  return out;
}

}  // namespace

std::string printable(std::string_view raw) { return clean(raw, false); }

std::string valid_utf8(std::string_view raw) { return clean(raw, true); }

std::filesystem::path path_from_utf8(std::string_view utf8) {
  return std::u8string(utf8.begin(), utf8.end());
}

std::string utf8(const std::filesystem::path& path) {
  const std::u8string encoded = path.u8string();
  return {encoded.begin(), encoded.end()};
}

}  // namespace relaunch::text
