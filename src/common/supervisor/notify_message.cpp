#include "common/supervisor/notify_message.hpp"

#include <algorithm>
#include <charconv>

#include "common/base/text.hpp"

namespace relaunch::supervisor {
namespace {

using std::chrono::milliseconds;

template <typename Number>
std::optional<Number> number(std::string_view digits) {
  Number value{};
  const char* const end = digits.data() + digits.size();
  const auto [rest, failure] = std::from_chars(digits.data(), end, value);
  if (failure != std::errc{} || rest != end) return std::nullopt;
  return value;
}

// Rounded up: one microsecond is some time. Zero would be none.
std::optional<milliseconds> time_of(std::string_view microseconds) {
  const auto value = number<std::uint64_t>(microseconds);
  if (!value || *value == 0) return std::nullopt;
  const std::uint64_t rounded = *value / 1000 + (*value % 1000 != 0 ? 1 : 0);
  const auto most = static_cast<std::uint64_t>(kMaxNoticeTime.count());
  return milliseconds{static_cast<std::int64_t>(std::min(rounded, most))};
}

std::string status_of(std::string_view value) {
  return text::printable(value.substr(0, kMaxStatusBytes));
}

void take(NotifyMessage& message, std::string_view name,
          std::string_view value) {
  if (name == "READY") {
    message.ready |= value == "1";
  } else if (name == "STOPPING") {
    message.stopping |= value == "1";
  } else if (name == "BARRIER") {
    message.barrier |= value == "1";
  } else if (name == "WATCHDOG") {
    message.alive |= value == "1";
    message.sick |= value == "trigger";
  } else if (name == "STATUS") {
    message.status = status_of(value);
  } else if (name == "EXTEND_TIMEOUT_USEC") {
    message.extend = time_of(value);
  } else if (name == "WATCHDOG_USEC") {
    message.watchdog = time_of(value);
  } else if (name == "MAINPID") {
    message.main_pid = number<std::uint32_t>(value);
  } else if (name == "ERRNO") {
    message.error = number<std::uint32_t>(value);
  }
}

}  // namespace

std::optional<NotifyMessage> parse_notify(std::string_view datagram) {
  if (datagram.size() > kMaxNoticeBytes) return std::nullopt;
  // Programs in C send the end of the string along.
  while (datagram.ends_with('\0')) datagram.remove_suffix(1);
  if (datagram.find('\0') != datagram.npos) return std::nullopt;
  NotifyMessage message;
  while (!datagram.empty()) {
    const std::size_t end = std::min(datagram.find('\n'), datagram.size());
    const std::string_view line = datagram.substr(0, end);
    datagram.remove_prefix(std::min(end + 1, datagram.size()));
    const std::size_t equals = line.find('=');
    if (equals == line.npos) continue;
    take(message, line.substr(0, equals), line.substr(equals + 1));
  }
  return message;
}

}  // namespace relaunch::supervisor
