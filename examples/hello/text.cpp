#include "text.hpp"

namespace hello {
namespace {

bool is_control(char letter) {
  const auto byte = static_cast<unsigned char>(letter);
  return byte < 0x20 || byte == 0x7f;
}

void append_hex(std::string& out, char letter) {
  constexpr char kDigits[] = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(letter);
  out += kDigits[byte >> 4];
  out += kDigits[byte & 15];
}

}  // namespace

std::string printable(std::string_view raw) {
  std::string out;
  out.reserve(raw.size());
  for (const char letter : raw) {
    if (letter == '\t' || !is_control(letter)) {
      out += letter;
    } else {
      out += "\\x";
      append_hex(out, letter);
    }
  }
  return out;
}

std::string json_string(std::string_view raw) {
  std::string out = "\"";
  for (const char letter : raw) {
    if (letter == '"' || letter == '\\') {
      out += '\\';
      out += letter;
    } else if (is_control(letter)) {
      out += "\\u00";
      append_hex(out, letter);
    } else {
      out += letter;
    }
  }
  out += '"';
  return out;
}

}  // namespace hello
