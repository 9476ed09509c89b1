#include "common/upgrade/manager_link.hpp"

#include <utility>

#include "common/base/text.hpp"

namespace relaunch::upgrade {

std::string to_status_text(const Status& status) {
  std::string text = text::cat("generation ", status.generation, " (pid ",
                               status.pid, ") serves");
  if (status.phase != Phase::idle) {
    text += text::cat("; ", to_string(status.phase));
  }
  return text;
}

void ManagerLink::tell(const std::string& assignments) {
  note(manager_.tell(assignments));
}

void ManagerLink::store(const std::string& name, native_socket socket) {
  note(manager_.store(name, socket));
}

void ManagerLink::forget(const std::string& name) {
  note(manager_.forget(name));
}

void ManagerLink::note(const Result<void>& told) {
  if (!told && !std::exchange(failed_, true) && log_) {
    log_(LogLevel::warning, told.error().text());
  }
}

void ManagerLink::feed_watchdog() {
  if (!manager_.watchdog()) return;
  tell("WATCHDOG=1");
  feed_watchdog_soon();
}

void ManagerLink::feed_watchdog_soon() {
  if (!manager_.watchdog()) return;
  // sd_watchdog_enabled(3): at half of the time.
  const auto half = std::chrono::duration_cast<std::chrono::milliseconds>(
      *manager_.watchdog() / 2);
  watchdog_.arm(half, [this] { feed_watchdog(); });
}

}  // namespace relaunch::upgrade
