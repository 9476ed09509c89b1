// The private link between two generations: frames with handles.
//
// POSIX: a socketpair; handles travel by SCM_RIGHTS. Windows: a pair of named
// pipe ends, overlapped; sockets travel as WSAPROTOCOL_INFOW made for the
// receiver, other handles by DuplicateHandle into it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "common/base/result.hpp"
#include "common/os/handle.hpp"
#include "common/os/process.hpp"
#include "common/protocol/frame.hpp"

namespace relaunch::os {

/// Two ends of a fresh link; neither is inheritable, and neither has ever been
/// on a completion port, so each can be given away.
struct ChannelPair {
  Handle ours;
  Handle theirs;
};
Result<ChannelPair> make_channel_pair();

/// The process that made this link, as the system knows it (SO_PEERCRED,
/// GetNamedPipeServerProcessId). Errors: errc::invalid_argument if `end` is no
/// channel end at all, since a number found in the environment may mean
/// anything by now; a system error if the system cannot say.
Result<ProcessId> channel_maker(native_handle end);

/// A borrowed handle to send. The receiver gets its own.
struct SendSocket {
  native_socket socket;
};
struct SendHandle {
  native_handle handle;
};
using Outgoing = std::variant<SendSocket, SendHandle>;
/// A handle that came with a frame, owned by whoever holds it, not inheritable.
using Incoming = std::variant<Socket, Handle>;

/// A whole frame with what came along.
struct Received {
  protocol::Frame frame;
  std::vector<Incoming> handles;
};

/// One end of the link. All calls and callbacks on the io_context's thread.
class Channel {
 public:
  Channel(boost::asio::io_context& io, Handle end);
  ~Channel();  ///< closes; no callback comes afterwards
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  /// Windows: to give handles away, its process must be held open meanwhile;
  /// `process` (borrowed, with PROCESS_DUP_HANDLE) stays valid as long as the
  /// channel. POSIX: not needed, does nothing.
  void set_receiver(const Process& process);

  /// Starts reading. `on_message` for each whole frame. `on_lost` once, when
  /// the link cannot go on: errc::channel_lost if the other side closed it,
  /// errc::malformed_frame or version_mismatch for bytes that are no frame, a
  /// system error otherwise. The handles of a frame that was not whole have
  /// been closed. A lost link does not prove that the other process ended.
  void start(std::function<void(Received)> on_message,
             std::function<void(Error)> on_lost);

  /// From now on these are told in place of those given to start(); also from
  /// within one of those.
  void restart(std::function<void(Received)> on_message,
               std::function<void(Error)> on_lost);

  /// Queues a frame; a receiver without room delays it, in order. The handles
  /// are borrowed and must stay open until `on_sent`, which comes once: with
  /// nothing, or with why this frame could not be given away. What cannot be
  /// duplicated fails alone (EMFILE, a socket that the system cannot share);
  /// a broken link is reported to on_lost as well.
  void send(protocol::Frame frame, std::vector<Outgoing> handles = {},
            std::function<void(std::optional<Error>)> on_sent = {});

  /// Frames that were queued are still sent; then the link is closed and
  /// `on_closed` called. Nothing else is called any more.
  void close_after_sending(std::function<void()> on_closed);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace relaunch::os
