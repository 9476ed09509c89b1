#include "common/supervisor/restart_policy.hpp"

#include <algorithm>
#include <utility>

namespace relaunch::supervisor {

using std::chrono::milliseconds;

std::optional<milliseconds> RestartPolicy::ended(Clock::time_point now,
                                                 std::uint32_t chance) {
  const auto served = std::exchange(committed_, {});
  if (served && now - *served >= options_.stable) delay_ = milliseconds{0};
  ends_.push_back(now);
  while (now - ends_.front() > options_.crash_window) ends_.pop_front();
  in_crash_loop_ = in_crash_loop_ || ends_.size() >= options_.crash_limit;
  if (in_crash_loop_) return {};
  delay_ =
      delay_.count() == 0
          ? options_.delay
          : std::min(2 * delay_, std::max(options_.delay, options_.delay_max));
  return delay_ + delay_ * (chance % 256) / 1024;
}

void RestartPolicy::forgive() {
  ends_.clear();
  delay_ = milliseconds{0};
  in_crash_loop_ = false;
}

}  // namespace relaunch::supervisor
