#include "common/supervisor/http_probe.hpp"

#include <algorithm>

#include "common/base/text.hpp"

namespace relaunch::supervisor {
namespace {

constexpr std::size_t kMaxPathBytes = 2048;
constexpr std::size_t kShownBytes = 64;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// "HTTP/1.1 200 OK", the reason may be missing (RFC 9112, section 4).
std::optional<unsigned> status_of(std::string_view line) {
  constexpr std::string_view kVersion = "HTTP/1.";
  if (!line.starts_with(kVersion)) return std::nullopt;
  line.remove_prefix(kVersion.size());
  if (line.size() < 5 || (line[0] != '0' && line[0] != '1') || line[1] != ' ') {
    return std::nullopt;
  }
  line.remove_prefix(2);
  if (!std::all_of(line.begin(), line.begin() + 3, is_digit)) {
    return std::nullopt;
  }
  if (line.size() > 3 && line[3] != ' ') return std::nullopt;
  const auto digit = [&](std::size_t i) {
    return static_cast<unsigned>(line[i] - '0');
  };
  return digit(0) * 100 + digit(1) * 10 + digit(2);
}

}  // namespace

std::string probe_request(std::string_view path) {
  return text::cat("GET ", path,
                   " HTTP/1.1\r\nHost: localhost\r\nUser-Agent: relaunch\r\n"
                   "Accept: */*\r\nConnection: close\r\n\r\n");
}

bool is_probe_path(std::string_view path) {
  return path.starts_with('/') && path.size() <= kMaxPathBytes &&
         std::all_of(path.begin(), path.end(),
                     [](char c) { return c > ' ' && c < 127; });
}

Result<unsigned> answer_status(std::string_view head) {
  const std::string_view line =
      head.substr(0, std::min(head.find("\r\n"), head.size()));
  if (head.size() <= kMaxHeadBytes && head.ends_with("\r\n\r\n")) {
    if (const auto status = status_of(line)) return *status;
  }
  return Error{errc::unhealthy,
               text::cat("it sent no answer of HTTP/1, but '",
                         text::printable(line.substr(0, kShownBytes)), "'")};
}

}  // namespace relaunch::supervisor
