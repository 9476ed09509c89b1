// Gives the listeners to a program that knows nothing of relaunch, on Windows:
// by the protocol of systemfd and listenfd, since there is no LISTEN_FDS.
//
// The program finds SYSTEMFD_SOCKET_SERVER=127.0.0.1:<port> and
// SYSTEMFD_SOCKET_SECRET=<uuid> in its environment, connects, sends
// "<uuid>|<its process number>", closes its sending side, and reads one
// WSAPROTOCOL_INFOW (628 bytes) for each listener, in their order, until the
// end. Whoever says anything else reads the end at once.
// https://github.com/mitsuhiko/systemfd, https://docs.rs/listenfd
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.hpp"
#include "common/os/process.hpp"

namespace relaunch::supervisor {

/// What is wrong with what a client of the service sent; nothing if it is the
/// secret and the number. Takes as long for every secret of the right length.
std::optional<std::string> why_refused(std::string_view request,
                                       std::string_view secret,
                                       os::ProcessId id);

/// One for each generation. All calls and callbacks on the io_context's thread.
class ListenerService {
 public:
  /// Opens a port of the loopback address. The listeners are borrowed and stay
  /// open longer than this. `deadline`: for each client, to ask and to read.
  /// Errors: of the port; POSIX: not supported.
  static Result<ListenerService> open(
      boost::asio::io_context& io, std::vector<native_socket> listeners,
      std::chrono::milliseconds deadline = std::chrono::seconds{5});
  ListenerService(ListenerService&&) noexcept;
  ListenerService& operator=(ListenerService&&) noexcept;
  ~ListenerService();  ///< no call comes afterwards

  /// The variables for the environment of the generation.
  std::vector<std::string> environment() const;

  /// From now on this process, and no other, is answered; a question that came
  /// before waits. `on_event` for each that was answered, and for the first of
  /// those that were not: a line for the log.
  void serve(std::shared_ptr<const os::Process> process,
             std::function<void(bool answered, std::string line)> on_event);

 private:
  struct Impl;
  explicit ListenerService(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace relaunch::supervisor
