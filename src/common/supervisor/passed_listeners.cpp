#include "common/supervisor/passed_listeners.hpp"

#include <algorithm>
#include <utility>

#include "common/base/text.hpp"
#include "common/os/listener.hpp"

namespace relaunch::supervisor {

namespace {

constexpr std::string_view kUnitPrefix = "systemd:";
/// No unit can be called so.
constexpr std::string_view kStoredPrefix = "relaunch/listener/";

Error not_passed(const ListenerOption& option, std::string_view why) {
  return {errc::invalid_argument, text::cat("cannot listen as '", option.name,
                                            "': systemd has passed ", why)};
}

/// Where it listens, if it does so for TCP at this address, or at any.
Result<Address> check(native_socket socket, std::string_view address) {
  auto expected =
      address.empty() ? os::local_address(socket) : Address::parse(address);
  if (!expected) return expected.error();
  auto actual = os::check_listener(socket, *expected);
  if (!actual) return actual.error();
  return expected;
}

}  // namespace

std::optional<std::string> socket_unit_of(const ListenerOption& option) {
  std::string_view address = option.address;
  if (!address.starts_with(kUnitPrefix)) return std::nullopt;
  address.remove_prefix(kUnitPrefix.size());
  return address.empty() ? option.name : std::string{address};
}

std::string stored_name(std::string_view listener) {
  return text::cat(kStoredPrefix, listener);
}

// That of the unit rather than the stored one: they are the same socket, unless
// the unit has been changed.
const os::PassedSocket* PassedListeners::find(
    const ListenerOption& option) const {
  const auto unit = socket_unit_of(option);
  const std::string stored = stored_name(option.name);
  const os::PassedSocket* found = nullptr;
  for (const auto& passed : sockets_) {
    if (unit && passed.name == *unit) return &passed;
    const std::string_view address = unit ? std::string_view{} : option.address;
    if (passed.name == stored && check(passed.socket.get(), address)) {
      found = &passed;
    }
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
  sockets_.erase(place);
  return std::optional{std::move(taken)};
}

std::vector<handover::OpenedListener> PassedListeners::take_stored() {
  std::vector<handover::OpenedListener> stored;
  for (auto& passed : sockets_) {
    if (!passed.name.starts_with(kStoredPrefix)) continue;
    const auto asked = check(passed.socket.get(), {});
    if (!asked) continue;
    stored.push_back(
        {{passed.name.substr(kStoredPrefix.size()), 0, asked->text()},
         std::move(passed.socket)});
  }
  std::erase_if(sockets_, [](const auto& each) { return !each.socket; });
  return stored;
}

std::vector<std::string> PassedListeners::close() {
  std::vector<std::string> names;
  for (const auto& passed : sockets_) {
    if (!passed.name.starts_with(kStoredPrefix)) names.push_back(passed.name);
  }
  sockets_.clear();
  return names;
}

}  // namespace relaunch::supervisor
