// The little of HTTP that a probe needs: pure, bytes in.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.hpp"

namespace relaunch::supervisor {

/// The head of an answer that is longer is no answer.
inline constexpr std::size_t kMaxHeadBytes = 16 * 1024;

/// "GET <path>" for a server that closes afterwards. The path must be good.
std::string probe_request(std::string_view path);

/// Begins with '/', without blanks, control characters or bytes above ASCII,
/// and with an end.
bool is_probe_path(std::string_view path);

/// The number of an HTTP/1 answer, of its head with the empty line at its end.
/// Errors: errc::unhealthy, for what is no such head.
Result<unsigned> answer_status(std::string_view head);

}  // namespace relaunch::supervisor
