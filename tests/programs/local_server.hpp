// A server on a unix listener: says its greeting to whoever connects, and
// closes.
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>
#include <memory>
#include <string>
#include <utility>

#include "relaunch/asio.hpp"

namespace relaunch::test {

/// To be gone before the Upgrader.
class LocalServer {
 public:
  LocalServer(boost::asio::io_context& io, const Listener& listener,
              std::string greeting)
      : acceptor_(io, listener), greeting_(std::move(greeting)) {
    accept();
  }

 private:
  using Socket = boost::asio::local::stream_protocol::socket;

  void accept() {
    acceptor_.async_accept(
        [this](boost::system::error_code error, Socket client) {
          if (error == boost::asio::error::operation_aborted) return;
          if (!error) greet(std::make_shared<Socket>(std::move(client)));
          accept();
        });
  }
  void greet(const std::shared_ptr<Socket>& client) {
    boost::asio::async_write(
        *client, boost::asio::buffer(greeting_),
        [client](boost::system::error_code, std::size_t) {});
  }

  asio::LocalAcceptor acceptor_;
  const std::string greeting_;
};

}  // namespace relaunch::test
