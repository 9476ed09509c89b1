// The way back to the library's thread from any other one.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <functional>
#include <mutex>
#include <utility>

namespace relaunch::upgrade {

/// Outlives the io_context: an application may still hold work of ours when
/// the Upgrader is gone. What arrives then is dropped.
class Mailbox {
 public:
  explicit Mailbox(boost::asio::io_context& io) : io_(&io) {}

  void post(std::function<void()> work) {
    const std::lock_guard lock{mutex_};
    if (io_) boost::asio::post(*io_, std::move(work));
  }
  void close() {
    const std::lock_guard lock{mutex_};
    io_ = nullptr;
  }

 private:
  std::mutex mutex_;
  boost::asio::io_context* io_;
};

}  // namespace relaunch::upgrade
