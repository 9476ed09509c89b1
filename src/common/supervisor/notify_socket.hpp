// What one generation says on its NOTIFY_SOCKET.
//
// Who is heard: the process that the supervisor started, and nobody else, as
// the system tells the sender; a worker or a helper that it forked is not. The
// socket is of this generation alone, so nobody can speak for another one.
#pragma once

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/base/result.hpp"
#include "common/os/notify_socket.hpp"
#include "common/supervisor/notify_message.hpp"

namespace relaunch::supervisor {

/// All calls and callbacks on the io_context's thread.
class NotifySocket {
 public:
  using OnMessage = std::function<void(const NotifyMessage&)>;
  using OnRefused = std::function<void(std::string why)>;

  /// Removes those of supervisors that were killed. With the instance's lock
  /// held: nobody else has one open in this folder.
  static void remove_stale(const std::filesystem::path& folder);
  /// In this folder, which is made if it is missing, under a name of its own.
  static Result<NotifySocket> open(boost::asio::io_context& io,
                                   const std::filesystem::path& folder);

  /// What the variable NOTIFY_SOCKET is to hold.
  std::string address() const;
  /// `refused` once, for the first datagram that is not heard.
  void start(os::ProcessId speaker, OnMessage on_message, OnRefused refused);
  void drain() { socket_.drain(); }

 private:
  NotifySocket(os::NotifySocket socket, std::filesystem::path path)
      : socket_(std::move(socket)), path_(std::move(path)) {}

  os::NotifySocket socket_;
  std::filesystem::path path_;
};

}  // namespace relaunch::supervisor
