#include "common/supervisor/listener_care.hpp"

#include "common/os/listener.hpp"

namespace relaunch::supervisor {

void ListenerCare::note(const handover::ListenerSet::Entry& entry) {
  auto where = os::local_address(entry.socket);
  if (where) given_.emplace_back(entry.item.name, std::move(*where));
}

void ListenerCare::look(os::ProcessId user) const {
  const auto entries = listeners_->entries();
  for (const auto& [name, address] : given_) {
    for (const auto& entry : entries) {
      if (entry.item.name != name) continue;
      const auto listening = os::is_listening(entry.socket);
      if (!listening || *listening) continue;
      context_->log(LogLevel::error, "process ", user,
                    " has shut down listener '", name,
                    "' for everybody: who waited in its queue was refused");
      if (auto again = os::listen_again(entry.socket, address); !again) {
        context_->log(LogLevel::error, again.error().text());
      } else {
        context_->log(LogLevel::warning, "listening again: listener=", name,
                      " address=", address.text());
      }
    }
  }
}

}  // namespace relaunch::supervisor
