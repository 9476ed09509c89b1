// The HTTP server: one thread, one coroutine for each connection.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "relaunch/listener.hpp"
#include "relaunch/log.hpp"
#include "relaunch/upgrader.hpp"

namespace boost::asio {
class io_context;
}

namespace hello {

struct ServerOptions {
  std::string token;
  bool access_log = false;
  /// Connections of the generation before, under the listener's name.
  bool takes_connections = true;
  relaunch::LogSink log;
};

/// Serves GET /hello, GET /status and POST /update. Everything on the thread
/// that runs `io`, which must outlive it.
class Server {
 public:
  Server(boost::asio::io_context& io, relaunch::Upgrader& upgrader,
         const relaunch::Listener& listener, ServerOptions options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Requests that were answered.
  std::uint64_t answered() const;

  /// Connections cross to the successor between two requests, so that their
  /// clients notice nothing. One that it does not take gets one more answer,
  /// which says `Connection: close`. What is left shortly before the deadline
  /// is closed unasked, so that this process has ended by itself before anybody
  /// must end it.
  void drain(const relaunch::Drain& drain);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace hello
