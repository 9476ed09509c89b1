#include <algorithm>
#include <string>

#include "common/supervisor/notify_message.hpp"
#include "fuzz/properties.hpp"

// What a program that knows nothing of relaunch says on its NOTIFY_SOCKET.
namespace relaunch::fuzz {
namespace {

using supervisor::NotifyMessage;

void check_time(const std::optional<std::chrono::milliseconds>& time) {
  require(!time || (time->count() > 0 && *time <= supervisor::kMaxNoticeTime),
          "a time is some time, and not for ever");
}

// The same said again in our words.
std::string written(const NotifyMessage& message) {
  std::string text = "unknown=1\nno name\n";
  const auto add = [&](const char* name, const std::string& value) {
    text += std::string{name} + "=" + value + "\n";
  };
  if (message.ready) add("READY", "1");
  if (message.stopping) add("STOPPING", "1");
  if (message.alive) add("WATCHDOG", "1");
  if (message.sick) add("WATCHDOG", "trigger");
  if (message.barrier) add("BARRIER", "1");
  const auto microseconds = [](std::chrono::milliseconds time) {
    return std::to_string(time.count() * 1000);
  };
  if (message.extend) {
    add("EXTEND_TIMEOUT_USEC", microseconds(*message.extend));
  }
  if (message.watchdog) add("WATCHDOG_USEC", microseconds(*message.watchdog));
  if (message.main_pid) add("MAINPID", std::to_string(*message.main_pid));
  if (message.error) add("ERRNO", std::to_string(*message.error));
  return text;
}

bool same(const NotifyMessage& a, const NotifyMessage& b) {
  return a.ready == b.ready && a.stopping == b.stopping && a.alive == b.alive &&
         a.sick == b.sick && a.barrier == b.barrier && a.extend == b.extend &&
         a.watchdog == b.watchdog && a.main_pid == b.main_pid &&
         a.error == b.error;
}

}  // namespace

void check_notices(std::string_view bytes) {
  const auto message = supervisor::parse_notify(bytes);
  if (!message) {
    require(bytes.size() > supervisor::kMaxNoticeBytes ||
                bytes.find('\0') != bytes.npos,
            "nothing else is refused as a whole");
    return;
  }
  check_time(message->extend);
  check_time(message->watchdog);
  if (message->status) {
    require(std::none_of(message->status->begin(), message->status->end(),
                         [](char c) { return c >= 0 && c < ' '; }),
            "what is logged is one line");
  }
  const auto again = supervisor::parse_notify(written(*message));
  require(again && same(*again, *message),
          "a message means the same when said again");
}

}  // namespace relaunch::fuzz
