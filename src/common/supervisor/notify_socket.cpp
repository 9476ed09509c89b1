#include "common/supervisor/notify_socket.hpp"

#include <utility>

#include "common/base/text.hpp"
#include "common/os/files.hpp"
#include "common/os/system.hpp"

namespace relaunch::supervisor {
namespace {

constexpr std::string_view kPrefix = "notify-";

// Two generations of one supervisor never share a name, also if an older one
// still lives.
std::filesystem::path new_name(const std::filesystem::path& folder) {
  static unsigned counter = 0;
  return folder / text::path_from_utf8(
                      text::cat(kPrefix, os::own_process_id(), '-', ++counter));
}

}  // namespace

void NotifySocket::remove_stale(const std::filesystem::path& folder) {
  std::error_code ignored;
  std::filesystem::directory_iterator entries{folder, ignored};
  for (const auto end = std::filesystem::directory_iterator{};
       !ignored && entries != end; entries.increment(ignored)) {
    if (text::utf8(entries->path().filename()).starts_with(kPrefix)) {
      os::remove_if_possible(entries->path());
    }
  }
}

Result<NotifySocket> NotifySocket::open(boost::asio::io_context& io,
                                        const std::filesystem::path& folder) {
  if (auto made = os::make_private_folder(folder); !made) return made.error();
  auto path = new_name(folder);
  auto socket = os::NotifySocket::open(io, path, kMaxNoticeBytes);
  if (!socket) return socket.error();
  return NotifySocket{std::move(*socket), std::move(path)};
}

std::string NotifySocket::address() const { return text::utf8(path_); }

void NotifySocket::start(os::ProcessId speaker, OnMessage on_message,
                         OnRefused refused) {
  socket_.start([speaker, on_message = std::move(on_message),
                 refused = std::move(refused)](os::ProcessId sender,
                                               std::string_view bytes) mutable {
    const auto message = sender == speaker ? parse_notify(bytes) : std::nullopt;
    if (message) return on_message(*message);
    if (auto once = std::exchange(refused, {})) {
      once(sender == speaker
               ? text::cat("a datagram of ", bytes.size(),
                           " bytes that is no message")
               : text::cat("a datagram from process ", sender,
                           ": only process ", speaker, " is heard"));
    }
  });
}

}  // namespace relaunch::supervisor
