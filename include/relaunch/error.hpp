// What failed, on what, and why.
#pragma once

#include <string>
#include <system_error>
#include <type_traits>

#include "relaunch/export.hpp"

namespace relaunch {

/// What relaunch itself can report; errors of the operating system keep their
/// own codes in std::system_category() or std::generic_category().
enum class errc {
  // The request
  busy = 1,          ///< another upgrade is under way
  not_permitted,     ///< this process cannot be replaced (see the text)
  invalid_argument,  ///< an option, a name or an address is malformed
  stopped,           ///< the program was asked to stop, or the upgrade was
  // Build and release
  build_failed,      ///< the build command ended with an error
  build_timeout,     ///< the build was still running at its deadline
  artifact_missing,  ///< the build left no artifact where one was expected
  release_held,      ///< this very release failed before; force to try again
  // The successor
  successor_exited,  ///< it ended before it was committed
  hello_timeout,     ///< it started, but said nothing in time
  ready_timeout,     ///< it said hello, but was not ready in time
  unhealthy,         ///< it answered that it is not healthy, or not at all
  handover_refused,  ///< what was to cross was not given or taken, or the
                     ///< successor says that it cannot begin
  switch_timeout,    ///< the turn was not passed in time
  incumbent_exited,  ///< who served ended during the upgrade (supervisor)
  // The link
  version_mismatch,    ///< the two releases share no version of the protocol
  malformed_frame,     ///< bytes that are not a frame, or over a limit
  unexpected_message,  ///< a frame that is not legal at this moment
  channel_lost,        ///< the other side closed the channel
};

RELAUNCH_EXPORT const std::error_category& relaunch_category() noexcept;

inline std::error_code make_error_code(errc code) noexcept {
  return {static_cast<int>(code), relaunch_category()};
}

/// An error code with what was attempted, on what:
/// `cannot listen on tcp://127.0.0.1:80: bind: Permission denied (system:13)`.
/// A context that begins with the code's own words stands as it is: `the build
/// failed: exit code 2`.
class RELAUNCH_EXCEPTION Error : public std::system_error {
 public:
  /// No error: what Result<T>::error() answers for a value.
  Error() : std::system_error(std::error_code{}) {}
  Error(std::error_code code, std::string context)
      : std::system_error(code), text_(compose(code, std::move(context))) {}

  const char* what() const noexcept override { return text_.c_str(); }
  const std::string& text() const noexcept { return text_; }

 private:
  static std::string compose(std::error_code code, std::string context) {
    const std::string message = code.message();
    const bool ours = code.category() == relaunch_category();
    if (ours && context.starts_with(message)) return context;
    if (!context.empty()) context += ": ";
    context += message;
    if (!ours) {
      context += " (";
      context += code.category().name();
      context += ':';
      context += std::to_string(code.value());
      context += ')';
    }
    return context;
  }

  std::string text_;
};

}  // namespace relaunch

template <>
struct std::is_error_code_enum<relaunch::errc> : std::true_type {};
