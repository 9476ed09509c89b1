// Listeners that systemd has passed at the start of this process: those of
// socket units, and those that it has kept in its store for an earlier one.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/handover/listeners.hpp"
#include "common/os/passed_sockets.hpp"
#include "common/supervisor/options.hpp"

namespace relaunch::supervisor {

/// "systemd:" or "systemd:web": from the socket unit whose FileDescriptorName
/// is that of the listener, or "web". Nothing: another address.
std::optional<std::string> socket_unit_of(const ListenerOption& option);

/// The name of this listener in the store, which also says whose its file is.
std::string stored_name(const protocol::ListenerItem& listener);
/// What such a name says: the listener's own, and its file.
std::optional<protocol::ListenerItem> stored_item(std::string_view name);

class PassedListeners {
 public:
  PassedListeners() = default;
  explicit PassedListeners(std::vector<os::PassedSocket> sockets)
      : sockets_(std::move(sockets)) {}

  /// What was passed for it; nothing: it is to be opened. Errors: it can only
  /// be had from systemd, and was not passed, or several were, or it is no
  /// listener that relaunch knows.
  Result<std::optional<handover::OpenedListener>> take(
      const ListenerOption& option);
  /// Each of these has been passed.
  bool have(const std::vector<ListenerOption>& options) const;
  /// What is left of the store.
  std::vector<handover::OpenedListener> take_stored();
  /// The names of what is left, which is closed.
  std::vector<std::string> close();

 private:
  const os::PassedSocket* find(const ListenerOption& option) const;

  std::vector<os::PassedSocket> sockets_;
};

}  // namespace relaunch::supervisor
