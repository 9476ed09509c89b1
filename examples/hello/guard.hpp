// Who may start an update.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hello {

/// What is known about a request for /update.
struct UpdateAttempt {
  std::string_view method;
  /// The fields of the request; nothing where it is absent. A field that came
  /// more than once is passed as empty.
  std::optional<std::string_view> host;
  std::optional<std::string_view> origin;
  std::optional<std::string_view> authorization;
  bool peer_is_loopback = false;
};

struct Refusal {
  unsigned status = 403;
  std::string text;  ///< one sentence
};

/// Nothing if it may be done.
///
/// - POST only: what a browser repeats, prefetches or embeds changes nothing.
/// - With a token: exactly `Authorization: Bearer <token>`, from anywhere.
/// - Without one (`token` is empty): from this machine, and not by a web page
///   that posts to it. A browser names the page in Origin; a name that was
///   made to resolve to 127.0.0.1 shows in Host.
std::optional<Refusal> refuse_update(const UpdateAttempt& attempt,
                                     std::string_view token);

/// 127.0.0.1, localhost or [::1], with or without a port.
bool is_loopback_host(std::string_view host);

/// Takes as long for a near miss as for a far one of the same length.
bool equal_in_constant_time(std::string_view left, std::string_view right);

}  // namespace hello
