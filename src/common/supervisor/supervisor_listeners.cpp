// Where the listeners of a Supervisor come from.
#include <algorithm>
#include <utility>

#include "common/os/listener.hpp"
#include "common/supervisor/supervisor.hpp"

namespace relaunch::supervisor {

bool Supervisor::holds(const std::string& name) const {
  const auto held = listeners_.entries();
  return std::any_of(held.begin(), held.end(),
                     [&](const auto& each) { return each.item.name == name; });
}

Result<void> Supervisor::open_listener(const ListenerOption& option) {
  auto passed = passed_.take(option);
  if (!passed) return passed.error();
  if (*passed) {
    if (auto kept = listeners_.keep(std::move(**passed)); !kept) return kept;
  } else if (auto claimed = listeners_.claim(option.name, option.address);
             !claimed) {
    return claimed.error();
  }
  tell_opened(option.name, option.address);
  return {};
}

void Supervisor::close_listener(const std::string& name) {
  listeners_.drop(name);
  tell_listener(observe::name::kListenerClosed, name);
}

// Where it really listens: the port may have been the system's choice.
void Supervisor::tell_opened(const std::string& name,
                             const std::string& asked) {
  for (const auto& entry : listeners_.entries()) {
    if (entry.item.name != name) continue;
    const auto actual = os::local_address(entry.socket);
    tell_listener(observe::name::kListenerOpened,
                  text::cat(name, ' ', actual ? actual->text() : asked));
  }
}

void Supervisor::tell_listener(std::string_view event, std::string which) {
  observe::Event told;
  told.message = std::move(which);
  tell(std::move(told), event);
}

Result<void> Supervisor::open_listeners() {
  for (const ListenerOption& option : options_.listeners) {
    if (holds(option.name)) continue;
    if (auto opened = open_listener(option); !opened) return opened;
  }
  settle_passed();
  return {};
}

// A generation may have opened others, and its successor asks for them again;
// a program that knows nothing of relaunch gets what is configured.
void Supervisor::settle_passed() {
  for (auto& stored : passed_.take_stored()) {
    if (!embedded() || holds(stored.item.name)) continue;
    const std::string name = stored.item.name;
    if (auto kept = listeners_.keep(std::move(stored)); !kept) {
      context_.log(LogLevel::warning, "cannot keep listener '", name,
                   "': ", kept.error().text());
    }
  }
  for (const auto& name : passed_.close()) {
    context_.log(LogLevel::warning, "nobody accepts on the socket '",
                 text::printable(name),
                 "' of systemd: no listener is configured for it");
  }
}

}  // namespace relaunch::supervisor
