#include "common/handover/connection_giver.hpp"

#include <boost/asio/post.hpp>
#include <utility>

#include "common/base/text.hpp"
#include "common/os/fault.hpp"

namespace relaunch::handover {

namespace {

constexpr std::size_t kUnderWay = 2;

std::size_t bytes_of(const Connection& connection) {
  return connection.state.size() + connection.unread.size();
}

}  // namespace

ConnectionGiver::~ConnectionGiver() {
  lost({errc::stopped, "this generation has ended"});
}

void ConnectionGiver::give(std::string name, Connection connection,
                           OnHandedOver on_end) {
  waiting_.push_back(
      {std::move(name), std::move(connection), std::move(on_end)});
  // Those that come together go together.
  if (std::exchange(scheduled_, true)) return;
  boost::asio::post(io_, [this, alive = std::weak_ptr(alive_)] {
    if (alive.expired()) return;
    scheduled_ = false;
    go_on();
  });
}

void ConnectionGiver::go_on() {
  while (!waiting_.empty() && under_way_.size() < kUnderWay) {
    const std::uint32_t number = batches_++;
    const auto [batch, is_new] = under_way_.emplace(number, next_batch());
    os::fault("connections.give");
    send(number, batch->second);
  }
}

ConnectionGiver::Batch ConnectionGiver::next_batch() {
  Batch batch;
  std::size_t bytes = 0;
  while (!waiting_.empty() &&
         batch.size() < protocol::kMaxConnectionsPerFrame) {
    const bool alone = waiting_.front().alone;
    bytes += bytes_of(waiting_.front().connection);
    if (!batch.empty() && (alone || bytes > protocol::kMaxBodyBytes)) break;
    batch.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
    if (alone) break;
  }
  return batch;
}

void ConnectionGiver::send(std::uint32_t number, const Batch& batch) {
  protocol::Connections message;
  message.batch = number;
  std::vector<os::Outgoing> sockets;
  for (const Item& item : batch) {
    const Connection& connection = item.connection;
    message.items.push_back(
        {item.name, static_cast<std::uint32_t>(connection.state.size()),
         static_cast<std::uint32_t>(connection.unread.size())});
    message.bytes.append(connection.state).append(connection.unread);
    sockets.emplace_back(os::SendSocket{connection.socket()});
  }
  link_.send(message, std::move(sockets),
             [this, number,
              alive = std::weak_ptr(alive_)](std::optional<Error> error) {
               // A link that broke is told by itself.
               if (error && !alive.expired() &&
                   error->code() != make_error_code(errc::channel_lost)) {
                 not_sent(number, *error);
               }
             });
}

// One of a batch cannot be given away (a socket of another provider): the
// others can.
void ConnectionGiver::not_sent(std::uint32_t number, const Error& error) {
  auto batch = under_way_.extract(number);
  if (batch.empty()) return;
  Batch& items = batch.mapped();
  if (items.size() == 1) {
    end(items.front(), error);
  } else {
    for (auto item = items.rbegin(); item != items.rend(); ++item) {
      item->alone = true;
      waiting_.push_front(std::move(*item));
    }
  }
  go_on();
}

bool ConnectionGiver::taken(const protocol::ConnectionsTaken& answer) {
  auto batch = under_way_.extract(answer.batch);
  if (batch.empty()) return false;
  Batch& items = batch.mapped();
  for (const auto& refused : answer.refused) {
    if (refused.index >= items.size()) continue;
    end(items[refused.index],
        Error{errc::handover_refused, text::printable(refused.reason)});
  }
  for (Item& item : items) end(item, {});
  go_on();
  return true;
}

void ConnectionGiver::lost(const Error& error) {
  // An end may give again.
  auto under_way = std::exchange(under_way_, {});
  auto waiting = std::exchange(waiting_, {});
  for (auto& [number, batch] : under_way) {
    for (Item& item : batch) end(item, error);
  }
  for (Item& item : waiting) end(item, error);
}

// Once for each. The socket is closed here when the successor has it.
void ConnectionGiver::end(Item& item, std::optional<Error> error) {
  auto on_end = std::exchange(item.on_end, {});
  if (!on_end) return;
  Connection back;
  if (error) back = std::move(item.connection);
  item.connection = {};
  on_end(std::move(error), std::move(back));
}

}  // namespace relaunch::handover
