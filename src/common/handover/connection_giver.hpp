// The incumbent's part in handing connections over.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/handover/peer_link.hpp"
#include "relaunch/connection.hpp"

namespace relaunch::handover {

/// How it ended: no error, or why the connection comes back.
using OnHandedOver = std::function<void(std::optional<Error>, Connection)>;

using Give = std::function<void(std::string name, Connection, OnHandedOver)>;

/// Gives connections in batches, two of which are under way at most: what is
/// under way counts against the user's descriptors. A connection stays open
/// here until the successor has said that it is its own, and comes back
/// whenever that is not said. All calls and callbacks on the library's thread;
/// no callback from within give().
class ConnectionGiver {
 public:
  ConnectionGiver(boost::asio::io_context& io, PeerLink& link)
      : io_(io), link_(link) {}
  ~ConnectionGiver();  ///< what is under way comes back
  ConnectionGiver(const ConnectionGiver&) = delete;
  ConnectionGiver& operator=(const ConnectionGiver&) = delete;

  /// `name` is well-formed.
  void give(std::string name, Connection connection, OnHandedOver on_end);
  /// False: no batch of this number is awaited.
  bool taken(const protocol::ConnectionsTaken& answer);
  /// Nothing is under way any more: it all comes back.
  void lost(const Error& error);

 private:
  struct Item {
    std::string name;
    Connection connection;
    OnHandedOver on_end;
    bool alone = false;  ///< a batch with it could not be given
  };
  using Batch = std::vector<Item>;

  void go_on();
  Batch next_batch();
  void send(std::uint32_t number, const Batch& batch);
  void not_sent(std::uint32_t number, const Error& error);
  static void end(Item& item, std::optional<Error> error);

  boost::asio::io_context& io_;
  PeerLink& link_;
  std::deque<Item> waiting_;
  std::map<std::uint32_t, Batch> under_way_;
  std::uint32_t batches_ = 0;
  bool scheduled_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace relaunch::handover
