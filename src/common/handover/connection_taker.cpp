#include "common/handover/connection_taker.hpp"

#include <utility>

#include "common/base/text.hpp"
#include "common/os/connection.hpp"
#include "common/os/fault.hpp"

namespace relaunch::handover {

Result<void> ConnectionTakers::add(const std::string& name, Take take,
                                   std::size_t limit) {
  if (auto checked = protocol::check_name(name); !checked) return checked;
  if (!take) {
    return Error{
        errc::invalid_argument,
        text::cat("connections '", name, "' have no function that takes them")};
  }
  const std::lock_guard lock{mutex_};
  if (takers_.try_emplace(name, Taker{std::move(take), limit}).second) {
    return {};
  }
  return Error{errc::invalid_argument,
               text::cat("connections '", name, "' are taken already")};
}

Result<ConnectionTakers::Take> ConnectionTakers::find(const std::string& name) {
  const std::lock_guard lock{mutex_};
  const auto found = takers_.find(name);
  if (found == takers_.end()) {
    return Error{errc::handover_refused,
                 text::cat("nobody takes connections '", name, "'")};
  }
  if (found->second.left == 0) {
    return Error{errc::handover_refused,
                 text::cat("no more connections '", name, "' are taken")};
  }
  --found->second.left;
  return found->second.take;
}

namespace {

struct Taken {
  ConnectionTakers::Take take;
  Connection connection;
};

using Find = std::function<Result<ConnectionTakers::Take>(const std::string&)>;

Result<Taken> take_one(const Find& find, const std::string& name,
                       os::Incoming& incoming) {
  auto* socket = std::get_if<os::Socket>(&incoming);
  if (!socket) return Error{errc::malformed_frame, "it came without a socket"};
  if (auto checked = os::check_connected(socket->get()); !checked) {
    return checked.error();
  }
  auto take = find(name);
  if (!take) return take.error();
  return Taken{std::move(*take), Connection{socket->release(), {}, {}}};
}

}  // namespace

void take_connections(
    PeerLink& link, const Find& find, const protocol::Connections& message,
    std::vector<os::Incoming> sockets,
    std::function<void(const ConnectionTakers::Take&, Connection)> deliver) {
  protocol::ConnectionsTaken answer{message.batch, {}};
  const auto all = std::make_shared<std::vector<Taken>>();
  std::size_t at = 0;
  for (std::size_t i = 0; i < message.items.size(); ++i) {
    const protocol::ConnectionItem& item = message.items[i];
    const std::size_t state_at = std::exchange(at, at + item.state_bytes);
    const std::size_t unread_at = std::exchange(at, at + item.unread_bytes);
    auto taken = take_one(find, item.name, sockets[i]);
    if (!taken) {
      answer.refused.push_back(
          {static_cast<std::uint32_t>(i), taken.error().text()});
      continue;
    }
    taken->connection.state = message.bytes.substr(state_at, item.state_bytes);
    taken->connection.unread =
        message.bytes.substr(unread_at, item.unread_bytes);
    all->push_back(std::move(*taken));
  }
  os::fault("connections.take");
  link.send(answer, {},
            [all, deliver = std::move(deliver)](std::optional<Error> error) {
              if (error) return;  // still the incumbent's: closed here
              os::fault("connections.own");
              for (Taken& each : *all)
                deliver(each.take, std::move(each.connection));
            });
}

}  // namespace relaunch::handover
