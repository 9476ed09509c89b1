// What a program says on its NOTIFY_SOCKET: pure, bytes in.
//
// The protocol of sd_notify(3): lines NAME=VALUE in one datagram. What is not
// known or makes no sense is passed over, as systemd does.
// https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace relaunch::supervisor {

/// What systemd takes too.
inline constexpr std::size_t kMaxNoticeBytes = 4096;
inline constexpr std::size_t kMaxStatusBytes = 512;
/// No time that is told is longer.
inline constexpr std::chrono::milliseconds kMaxNoticeTime =
    std::chrono::hours{24 * 365};

struct NotifyMessage {
  using ms = std::chrono::milliseconds;

  bool ready = false;                     ///< READY=1
  bool stopping = false;                  ///< STOPPING=1
  bool alive = false;                     ///< WATCHDOG=1
  bool sick = false;                      ///< WATCHDOG=trigger
  bool barrier = false;                   ///< BARRIER=1
  std::optional<std::string> status;      ///< STATUS=, fit for a log
  std::optional<ms> extend;               ///< EXTEND_TIMEOUT_USEC=, rounded up
  std::optional<ms> watchdog;             ///< WATCHDOG_USEC=
  std::optional<std::uint32_t> main_pid;  ///< MAINPID=
  std::optional<std::uint32_t> error;     ///< ERRNO=
};

/// Nothing for what is no message at all: too long, or with zero bytes.
std::optional<NotifyMessage> parse_notify(std::string_view datagram);

}  // namespace relaunch::supervisor
