// Asks a coordinator for something, and waits for its answers.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "common/control/message.hpp"

namespace relaunch::control {

/// Opens a link to whoever serves the address, asks, and calls `on_answer` for
/// each answer but the last, which is returned. Blocks at most so long. Errors:
/// of os::connect_endpoint; errc::channel_lost: the coordinator ended;
/// std::errc::timed_out; errc::version_mismatch.
Result<Answer> call(const std::string& address, const Request& request,
                    std::chrono::milliseconds deadline,
                    const std::function<void(const Answer&)>& on_answer = {});

}  // namespace relaunch::control
