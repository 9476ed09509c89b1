// An error's text for somebody who adds the code's own words again.
#pragma once

#include <string>

#include "common/base/text.hpp"
#include "relaunch/error.hpp"

namespace relaunch {

/// What was attempted, without the words of the code behind it.
inline std::string context_of(const Error& error) {
  const std::string words = text::cat(": ", Error{error.code(), {}}.text());
  std::string text = error.text();
  if (text.ends_with(words)) text.resize(text.size() - words.size());
  return text;
}

/// As a reason for somebody else: what the system says stays, what our own code
/// says is known from its kind.
inline std::string reason_of(const Error& error) {
  const bool ours = error.code().category() == relaunch_category();
  return ours ? context_of(error) : error.text();
}

}  // namespace relaunch
