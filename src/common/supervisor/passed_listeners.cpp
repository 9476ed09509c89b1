#include "common/supervisor/passed_listeners.hpp"

#include <algorithm>
#include <utility>

#include "common/base/text.hpp"
#include "common/os/listener.hpp"

namespace relaunch::supervisor {

namespace {

constexpr std::string_view kUnitPrefix = "systemd:";
/// No unit can be called so. "relaunch/listener/web", or, with its file,
/// "relaunch/listener=26.1234/web".
constexpr std::string_view kStoredPrefix = "relaunch/listener";

Error not_passed(const ListenerOption& option, std::string_view why) {
  return {errc::invalid_argument, text::cat("cannot listen as '", option.name,
                                            "': systemd has passed ", why)};
}

/// Where it listens, if it does so at this address, or at any.
Result<Address> check(native_socket socket, std::string_view address) {
  auto expected =
      address.empty() ? os::local_address(socket) : Address::parse(address);
  if (!expected) return expected.error();
  auto actual = os::check_listener(socket, *expected);
  if (!actual) return actual.error();
  return expected;
}

/// An earlier supervisor may have removed the path when it stopped: nobody
/// could reach the socket that the store has kept.
bool can_be_reached(const Address& address, const std::string& file) {
  return os::has_listener_file(address, file);
}

}  // namespace

std::optional<std::string> socket_unit_of(const ListenerOption& option) {
  std::string_view address = option.address;
  if (!address.starts_with(kUnitPrefix)) return std::nullopt;
  address.remove_prefix(kUnitPrefix.size());
  return address.empty() ? option.name : std::string{address};
}

std::string stored_name(const protocol::ListenerItem& listener) {
  const std::string_view mark = listener.file.empty() ? "" : "=";
  return text::cat(kStoredPrefix, mark, listener.file, '/', listener.name);
}

std::optional<protocol::ListenerItem> stored_item(std::string_view name) {
  if (!name.starts_with(kStoredPrefix)) return std::nullopt;
  name.remove_prefix(kStoredPrefix.size());
  const auto slash = name.find('/');
  if (slash == name.npos || (slash != 0 && name.front() != '=')) {
    return std::nullopt;
  }
  protocol::ListenerItem item;
  if (slash != 0) item.file = name.substr(1, slash - 1);
  item.name = name.substr(slash + 1);
  return item;
}

// That of the unit rather than the stored one: they are the same socket, unless
// the unit has been changed.
const os::PassedSocket* PassedListeners::find(
    const ListenerOption& option) const {
  const auto unit = socket_unit_of(option);
  const os::PassedSocket* found = nullptr;
  for (const auto& passed : sockets_) {
    if (unit && passed.name == *unit) return &passed;
    const std::string_view address = unit ? std::string_view{} : option.address;
    const auto stored = stored_item(passed.name);
    if (!stored || stored->name != option.name) continue;
    const auto where = check(passed.socket.get(), address);
    if (where && can_be_reached(*where, stored->file)) found = &passed;
  }
  return found;
}

bool PassedListeners::have(const std::vector<ListenerOption>& options) const {
  return std::all_of(
      options.begin(), options.end(),
      [this](const ListenerOption& option) { return find(option); });
}

Result<std::optional<handover::OpenedListener>> PassedListeners::take(
    const ListenerOption& option) {
  const auto unit = socket_unit_of(option);
  const auto* found = find(option);
  if (!found) {
    if (!unit) return std::optional<handover::OpenedListener>{};
    return not_passed(option,
                      text::cat("no socket with the name '", *unit, '\''));
  }
  const auto same = std::count_if(
      sockets_.begin(), sockets_.end(),
      [found](const auto& other) { return other.name == found->name; });
  if (unit && found->name == *unit && same > 1) {
    return not_passed(option, text::cat(same, " sockets with the name '", *unit,
                                        "': each takes a unit of its "
                                        "own, with a FileDescriptorName="));
  }
  const auto asked =
      check(found->socket.get(), unit ? std::string_view{} : option.address);
  if (!asked) return not_passed(option, asked.error().text());
  const auto place = sockets_.begin() + (found - sockets_.data());
  handover::OpenedListener taken{{option.name, 0, asked->text()},
                                 std::move(place->socket)};
  // What a unit has made is the unit's.
  const auto stored = stored_item(place->name);
  if (stored && !unit) taken.item.file = stored->file;
  sockets_.erase(place);
  return std::optional{std::move(taken)};
}

std::vector<handover::OpenedListener> PassedListeners::take_stored() {
  std::vector<handover::OpenedListener> stored;
  for (auto& passed : sockets_) {
    auto item = stored_item(passed.name);
    if (!item) continue;
    const auto asked = check(passed.socket.get(), {});
    if (!asked || !can_be_reached(*asked, item->file)) continue;
    item->address = asked->text();
    stored.push_back({std::move(*item), std::move(passed.socket)});
  }
  std::erase_if(sockets_, [](const auto& each) { return !each.socket; });
  return stored;
}

std::vector<std::string> PassedListeners::close() {
  std::vector<std::string> names;
  for (const auto& passed : sockets_) {
    if (!stored_item(passed.name)) names.push_back(passed.name);
  }
  sockets_.clear();
  return names;
}

}  // namespace relaunch::supervisor
