// Where a command reaches a coordinator: a link that others of this machine
// can open, and only those who may.
//
// POSIX: a unix socket with a path, 0600, in a folder of our own, 0700; never
// an abstract name, which has no owner. Windows: a named pipe with a list of
// who may open it, no remote clients.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "common/base/result.hpp"
#include "common/os/channel.hpp"
#include "common/os/system.hpp"

namespace relaunch::os {

/// Who opened the link, as the system says.
struct Peer {
  ProcessId pid = 0;
  /// The user of this process, or one who may do everything anyhow: root;
  /// SYSTEM and the administrators.
  bool trusted = false;
};

/// Where the run folders of all instances are: POSIX: root /run/relaunch, else
/// $XDG_RUNTIME_DIR/relaunch; without one, and on Windows, nothing: then it is
/// the folder "run" of the state folder.
std::optional<std::filesystem::path> default_run_folder();

/// The address of the endpoint of the instance with this run folder. POSIX:
/// the path of its socket. Windows: a pipe's name made from the folder's.
std::string endpoint_address(const std::filesystem::path& run_folder);

/// All calls and callbacks on the io_context's thread.
class Endpoint {
 public:
  using OnClient = std::function<void(std::unique_ptr<Channel>, Peer)>;

  /// Makes the run folder, takes its lock, opens the endpoint. Errors:
  /// errc::busy if another process has it; a folder that others may write to,
  /// or that is no folder of ours; a file in the socket's place that is no
  /// socket. On an error nothing of another instance has been touched.
  static Result<std::unique_ptr<Endpoint>> open(
      boost::asio::io_context& io, const std::filesystem::path& run_folder,
      OnClient on_client);
  /// Closes; the socket is removed if it is still the one that was bound.
  ~Endpoint();

  struct Impl;
  explicit Endpoint(std::shared_ptr<Impl> impl);

 private:
  std::shared_ptr<Impl> impl_;
};

/// Opens a link to whoever serves that address. Waits at most so long while
/// all its ends are taken (Windows). Errors: std::errc::no_such_file_or_
/// directory or connection_refused: nobody serves it; permission_denied: it is
/// not for this user; errc::not_permitted: whoever serves it is another user,
/// and might be no coordinator at all.
Result<std::unique_ptr<Channel>> connect_endpoint(
    boost::asio::io_context& io, const std::string& address,
    std::chrono::milliseconds patience);

}  // namespace relaunch::os
