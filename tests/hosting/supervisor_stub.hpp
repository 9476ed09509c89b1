// A supervisor below a service host that does as its test tells it, over TCP:
// the service manager passes nothing on that a test could hold.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "common/os/process.hpp"

namespace relaunch::test {

/// One process: its lines, and what it is told.
class StubLink {
 public:
  explicit StubLink(boost::asio::ip::tcp::socket socket);
  /// "serve", "exit 3", "hang": it does no more, whatever it is asked; "links",
  /// then "replace" by another one, or "replace in vain".
  void tell(const std::string& line);
  bool said(const std::string& line) const;
  /// It has ended by itself: under Wine a socket does not always tell that its
  /// process was killed.
  bool lost() const { return *lost_; }
  /// It has said "started".
  os::Process process() const;

 private:
  void read(std::shared_ptr<boost::asio::ip::tcp::socket> socket);
  std::shared_ptr<boost::asio::ip::tcp::socket> socket_;
  std::shared_ptr<std::string> heard_ = std::make_shared<std::string>();
  std::shared_ptr<bool> lost_ = std::make_shared<bool>(false);
};

/// All that were started, in their order.
class Stubs {
 public:
  explicit Stubs(boost::asio::io_context& io);
  /// The words that start one.
  std::vector<std::string> command() const;
  std::size_t count() const { return links_.size(); }
  /// Waits for the one of this index, from 0.
  StubLink& at(std::size_t index);

 private:
  void accept();
  boost::asio::io_context& io_;
  boost::asio::ip::tcp::acceptor acceptor_;
  std::deque<StubLink> links_;
};

}  // namespace relaunch::test
