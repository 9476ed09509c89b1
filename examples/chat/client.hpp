// One who talks: a connection with a nickname, a room, what it has typed and
// what it has not been sent yet. All of that crosses to the next generation.
#pragma once

#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "relaunch/asio.hpp"

namespace chat {

/// All calls and callbacks on the stream's executor, which runs one thing at a
/// time.
class Client : public std::enable_shared_from_this<Client> {
 public:
  struct Events {
    std::function<void(Client&, std::string_view line)> on_line;
    std::function<void(Client&)> on_gone;
  };
  using Kept = std::function<void(boost::system::error_code)>;

  Client(relaunch::asio::Stream stream, Events events);
  /// One that the generation before has handed over.
  Client(relaunch::asio::TakenStream taken, Events events);

  void start();
  /// Queues a line for it. One that does not read is given up in the end.
  void say(std::string_view line);
  /// No line is heard from here on. When what is being written has been, the
  /// successor gets the connection; `kept` if it does not take it: then this
  /// one serves it on.
  void hand_over(relaunch::Drain drain, Kept kept);
  void close();
  /// It came from the generation before.
  bool arrived() const { return arrived_; }

  std::string nick = "somebody";
  std::string room = "lobby";

 private:
  boost::asio::awaitable<void> read_lines();
  boost::asio::awaitable<void> write_lines();
  void hear();
  void send();
  void go_on_leaving();
  boost::asio::awaitable<void> give();
  void gone();
  std::string state() const;
  void restore(const std::string& state);

  relaunch::asio::Stream stream_;
  Events events_;
  std::array<char, 4096> bytes_{};
  std::string typed_;
  std::string outbox_;  ///< not sent yet
  boost::asio::cancellation_signal stop_reading_;
  relaunch::Drain drain_{nullptr};
  Kept kept_;
  bool arrived_ = false;
  bool reading_ = false;
  bool writing_ = false;
  bool leaving_ = false;
  bool closed_ = false;
};

}  // namespace chat
