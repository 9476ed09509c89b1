// One connection that is sent back what it sends, byte by byte. It reads no
// more than it can write, so that a client that does not read is not read from.
#pragma once

#include <array>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/system/error_code.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>

#include "relaunch/asio.hpp"

namespace relaunch::test {

/// All calls on the stream's executor, which runs one thing at a time.
class Echo : public std::enable_shared_from_this<Echo> {
 public:
  using OnGone = std::function<void(Echo&)>;

  Echo(asio::TakenStream taken, OnGone on_gone);

  void start() { go_on(); }
  /// When what is being written has been: its state is what is still to be
  /// written, and what it has read and has no room for stays unread. One that
  /// nobody takes is served on.
  void hand_over(const Drain& drain);

 private:
  void go_on();
  void consume();
  void read();
  void write();
  void give();
  void gone();

  asio::Stream stream_;
  OnGone on_gone_;
  std::array<char, 16'384> bytes_{};
  std::string unread_;
  std::string outbox_;  ///< still to be written
  std::string piece_;   ///< its beginning, which is being written
  std::minstd_rand random_;
  boost::asio::cancellation_signal stop_reading_;
  std::optional<Drain> drain_;  ///< it is to be handed over
  bool reading_ = false;
  bool writing_ = false;
  bool at_end_ = false;  ///< the client sends no more
};

}  // namespace relaunch::test
