// Where a child says how it is: a socket for datagrams with a name in the file
// system, by the protocol of sd_notify(3).
//
// Windows has neither: opening one is errc::invalid_argument there.
#pragma once

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <string_view>

#include "common/base/result.hpp"
#include "common/os/system.hpp"

namespace relaunch::os {

/// False on Windows.
bool has_notify_sockets() noexcept;

/// All calls and callbacks on the io_context's thread.
class NotifySocket {
 public:
  /// The sender as the system knows it (SCM_CREDENTIALS); `bytes` are a whole
  /// datagram, or more than `limit` of a longer one.
  using OnDatagram =
      std::function<void(ProcessId sender, std::string_view bytes)>;

  /// `path`: absolute, in a folder where only this user can look; what has this
  /// name is removed. Errors: the path is longer than the system takes (107
  /// bytes on Linux), or cannot be made.
  static Result<NotifySocket> open(boost::asio::io_context& io,
                                   const std::filesystem::path& path,
                                   std::size_t limit);
  NotifySocket(NotifySocket&&) noexcept;
  NotifySocket& operator=(NotifySocket&&) noexcept;
  ~NotifySocket();  ///< removes the name; no callback comes afterwards

  /// Descriptors that come along are closed, each after the call for its
  /// datagram: that is what whoever sends BARRIER=1 waits for.
  void start(OnDatagram on_datagram);
  /// What has been sent so far, now: a process that has ended may have said
  /// why.
  void drain();

 private:
  struct Impl;
  explicit NotifySocket(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace relaunch::os
