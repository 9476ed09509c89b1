#include "server.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <utility>

namespace chat {
namespace {

namespace net = boost::asio;
constexpr auto kTuple = net::as_tuple(net::use_awaitable);

/// More than is said in the moment in which the connections cross.
constexpr std::size_t kCatchUpLines = 10'000;

}  // namespace

Server::Server(net::io_context& io, relaunch::Upgrader& upgrader,
               const relaunch::Listener& listener,
               relaunch::UpgradeRequest update)
    : io_(io),
      upgrader_(upgrader),
      update_(update),
      acceptor_(std::in_place, io, listener),
      deadline_(io) {
  relaunch::asio::on_connection(
      upgrader, "chat", io.get_executor(),
      [this](relaunch::asio::TakenStream taken) { admit(std::move(taken)); });
  upgrader.on_drain(
      [this](const relaunch::Drain& drain) { this->drain(drain); });
  net::co_spawn(io, accept_all(), net::detached);
}

Server::~Server() = default;

net::awaitable<void> Server::accept_all() {
  for (;;) {
    auto [error, socket] = co_await acceptor_->async_accept(kTuple);
    if (error == net::error::operation_aborted) co_return;
    if (!error) {
      admit(relaunch::asio::Stream(std::move(socket)));
      continue;
    }
    net::steady_timer pause(io_, std::chrono::milliseconds(100));
    co_await pause.async_wait(kTuple);
  }
}

template <typename Connected>
std::shared_ptr<Client> Server::admit(Connected connected) {
  auto client = std::make_shared<Client>(
      std::move(connected),
      Client::Events{
          [this](Client& who, std::string_view line) { hear(who, line); },
          [this](Client& who) { leave(who); }});
  clients_.emplace(client.get(), client);
  enter(*client, client->room);
  client->start();
  return client;
}

void Server::enter(Client& client, const std::string& name) {
  client.room = name;
  Room& room = rooms_[name];
  room.members.insert(&client);
  if (!client.arrived()) return;
  if (!room.said) room.said.emplace();
  for (const auto& line : *room.said) client.say(line);
}

void Server::leave(Client& client) {
  const auto room = rooms_.find(client.room);
  room->second.members.erase(&client);
  if (room->second.members.empty()) rooms_.erase(room);
  // Its own function may be what is running.
  net::post(io_, [client = clients_.extract(&client)] {});
  if (clients_.empty()) deadline_.cancel();
}

void Server::hear(Client& client, std::string_view line) {
  if (line.starts_with('/')) return command(client, line);
  const std::string said = client.nick + ": " + std::string(line);
  Room& room = rooms_[client.room];
  if (room.said && room.said->size() < kCatchUpLines)
    room.said->push_back(said);
  const auto members = room.members;  // one may be given up on the way
  for (Client* const each : members) each->say(said);
}

void Server::command(Client& client, std::string_view line) {
  const auto blank = line.find(' ');
  const auto verb = line.substr(0, blank);
  const std::string word(blank == line.npos ? "" : line.substr(blank + 1));
  if (verb == "/nick" && !word.empty()) {
    client.nick = word;
  } else if (verb == "/join" && !word.empty()) {
    rooms_[client.room].members.erase(&client);
    enter(client, word);
  } else if (verb == "/update") {
    update(client);
  } else {
    client.say("* there are /nick NAME, /join ROOM and /update");
  }
}

void Server::update(Client& client) {
  client.say("* updating");
  // By the time it ends the connection may have crossed: then the successor
  // serves, and that is the answer.
  upgrader_.upgrade(
      update_, {},
      [this, alive = std::weak_ptr(alive_),
       who = client.weak_from_this()](const relaunch::Outcome& outcome) {
        if (outcome.result == relaunch::Outcome::Result::done) return;
        const std::string line = "* " + std::string(to_string(outcome.result)) +
                                 ": " + outcome.reason;
        if (alive.expired()) return;
        net::post(io_, [who, line] {
          if (const auto still = who.lock()) still->say(line);
        });
      });
}

// Nothing is heard here any more from the first one's crossing on, so that the
// successor says each line to all of a room.
void Server::drain(const relaunch::Drain& drain) {
  deadline_.expires_at(drain.deadline() - std::chrono::milliseconds(250));
  deadline_.async_wait([this](boost::system::error_code error) {
    if (error) return;
    const auto clients = clients_;
    for (const auto& [client, owned] : clients) client->close();
  });
  const auto clients = clients_;
  for (const auto& [client, owned] : clients) {
    client->hand_over(drain, [](boost::system::error_code) {});
  }
  if (clients.empty()) deadline_.cancel();
}

}  // namespace chat
