#include "guard.hpp"

#include <algorithm>
#include <cstddef>

namespace hello {
namespace {

char lower(char letter) {
  return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 32)
                                        : letter;
}

bool equal_ignoring_case(std::string_view left, std::string_view right) {
  return std::equal(
      left.begin(), left.end(), right.begin(), right.end(),
      [](char one, char other) { return lower(one) == lower(other); });
}

bool carries(std::string_view authorization, std::string_view token) {
  constexpr std::string_view kScheme = "Bearer ";
  return equal_ignoring_case(authorization.substr(0, kScheme.size()),
                             kScheme) &&
         equal_in_constant_time(authorization.substr(kScheme.size()), token);
}

bool is_port(std::string_view text) {
  return !text.empty() && text.size() <= 5 &&
         std::all_of(text.begin(), text.end(),
                     [](char digit) { return digit >= '0' && digit <= '9'; });
}

}  // namespace

bool equal_in_constant_time(std::string_view left, std::string_view right) {
  if (left.size() != right.size()) return false;
  unsigned difference = 0;
  for (std::size_t i = 0; i < left.size(); ++i) {
    difference |= static_cast<unsigned char>(left[i]) ^
                  static_cast<unsigned char>(right[i]);
  }
  return difference == 0;
}

bool is_loopback_host(std::string_view host) {
  for (const std::string_view name : {"127.0.0.1", "localhost", "[::1]"}) {
    if (!equal_ignoring_case(host.substr(0, name.size()), name)) continue;
    const auto rest = host.substr(name.size());
    return rest.empty() || (rest.front() == ':' && is_port(rest.substr(1)));
  }
  return false;
}

std::optional<Refusal> refuse_update(const UpdateAttempt& attempt,
                                     std::string_view token) {
  if (attempt.method != "POST") {
    return Refusal{405, "an update is asked for by POST"};
  }
  if (!token.empty()) {
    if (attempt.authorization && carries(*attempt.authorization, token)) {
      return std::nullopt;
    }
    return Refusal{401, "an update needs 'Authorization: Bearer <token>'"};
  }
  if (!attempt.peer_is_loopback) {
    return Refusal{403,
                   "without a token an update can only be asked for from this "
                   "machine: start hello with --token-file"};
  }
  if (attempt.origin) {
    return Refusal{403, "a web page cannot ask for an update"};
  }
  if (!attempt.host || !is_loopback_host(*attempt.host)) {
    return Refusal{403,
                   "without a token an update can only be asked for under "
                   "127.0.0.1, [::1] or localhost"};
  }
  return std::nullopt;
}

}  // namespace hello
