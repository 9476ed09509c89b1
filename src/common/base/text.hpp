// Small text helpers: the library links no formatting library.
#pragma once

#include <concepts>
#include <filesystem>
#include <string>
#include <string_view>
#include <type_traits>

namespace relaunch::text {

inline void append(std::string& out, std::string_view part) { out += part; }
inline void append(std::string& out, char part) { out += part; }
template <std::same_as<std::filesystem::path> Path>
void append(std::string& out, const Path& part) {
  const auto utf8 = part.u8string();
  out.append(utf8.begin(), utf8.end());
}
template <typename Number>
requires std::is_arithmetic_v<Number>
void append(std::string& out, Number part) { out += std::to_string(part); }

/// cat("cannot read ", path, ": ", 12, " bytes")
template <typename... Parts>
std::string cat(const Parts&... parts) {
  std::string out;
  (append(out, parts), ...);
  return out;
}

/// What another process or a file said, fit for one line of a log or a
/// terminal: control characters become \xNN.
std::string printable(std::string_view raw);

/// The same with control characters as they are: bytes that are no UTF-8
/// become \xNN, since a JSON reader refuses them.
std::string valid_utf8(std::string_view raw);

std::filesystem::path path_from_utf8(std::string_view utf8);
std::string utf8(const std::filesystem::path& path);

}  // namespace relaunch::text
