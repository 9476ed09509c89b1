// A chat server whose connections live longer than its process.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "client.hpp"
#include "relaunch/asio.hpp"
#include "relaunch/upgrader.hpp"

namespace chat {

/// A line is said to everybody in the room, also to who says it:
/// "nick: line". Those that begin with '/': /nick NAME, /join ROOM, and
/// /update, which rebuilds and relaunches the server that hears it.
///
/// Everything on the one thread that runs `io`, which must outlive it, as must
/// the upgrader.
class Server {
 public:
  /// Before Upgrader::ready().
  Server(boost::asio::io_context& io, relaunch::Upgrader& upgrader,
         const relaunch::Listener& listener, relaunch::UpgradeRequest update);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

 private:
  struct Room {
    std::set<Client*> members;
    /// Since the first came from the generation before: what those that come
    /// later must still hear, so that none misses a line on the way.
    std::optional<std::deque<std::string>> said;
  };

  boost::asio::awaitable<void> accept_all();
  template <typename Connected>
  std::shared_ptr<Client> admit(Connected connected);
  void hear(Client& client, std::string_view line);
  void command(Client& client, std::string_view line);
  void enter(Client& client, const std::string& room);
  void leave(Client& client);
  void drain(const relaunch::Drain& drain);
  void update(Client& client);

  boost::asio::io_context& io_;
  relaunch::Upgrader& upgrader_;
  const relaunch::UpgradeRequest update_;
  std::optional<relaunch::asio::Acceptor> acceptor_;
  std::map<Client*, std::shared_ptr<Client>> clients_;
  std::map<std::string, Room, std::less<>> rooms_;
  boost::asio::steady_timer deadline_;
  /// Set when the server is gone, which a callback may outlive.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace chat
