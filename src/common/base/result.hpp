// Result<T>: a value, or what was attempted, on what, and why it failed.
#pragma once

#include <boost/system/result.hpp>
#include <utility>

#include "relaunch/error.hpp"

namespace relaunch {

// Found by argument-dependent look-up when value() is called on an error.
[[noreturn]] inline void throw_exception_from_error(
    const Error& error, const boost::source_location&) {
  throw error;
}

template <typename T>
using Result = boost::system::result<T, Error>;

}  // namespace relaunch
