// The successor's part in taking connections over.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "common/base/result.hpp"
#include "common/handover/peer_link.hpp"
#include "relaunch/connection.hpp"

namespace relaunch::handover {

/// Who takes connections, by the names under which they are given.
class ConnectionTakers {
 public:
  using Take = std::function<void(Connection)>;

  /// Any thread. Replaces nothing: errc::invalid_argument if the name is
  /// malformed or has one.
  Result<void> add(const std::string& name, Take take, std::size_t limit);
  /// Who is to get one more; the reason if nobody is.
  Result<Take> find(const std::string& name);

 private:
  struct Taker {
    Take take;
    std::size_t left = 0;  ///< so many more
  };
  std::mutex mutex_;
  std::map<std::string, Taker> takers_;
};

/// One batch, on the library's thread. Says what is taken and what not, and
/// calls `deliver` for each that is, but only when that has left this process:
/// until then they are the incumbent's. What is not taken is closed here.
void take_connections(
    PeerLink& link,
    const std::function<Result<ConnectionTakers::Take>(const std::string&)>&
        find,
    const protocol::Connections& message, std::vector<os::Incoming> sockets,
    std::function<void(const ConnectionTakers::Take&, Connection)> deliver);

}  // namespace relaunch::handover
