// An error's text for somebody who adds the code's own words again.
#pragma once

#include <string>

#include "common/base/text.hpp"
#include "relaunch/error.hpp"

namespace relaunch {

/// Without the words of the code, where they are ours and stand at the end.
inline std::string text_without_code(const Error& error) {
  if (error.code().category() != relaunch_category()) return error.text();
  const std::string end = text::cat(": ", error.code().message());
  std::string text = error.text();
  if (text.ends_with(end)) text.resize(text.size() - end.size());
  return text;
}

}  // namespace relaunch
