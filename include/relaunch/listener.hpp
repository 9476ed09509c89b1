// A listening socket that survives its process.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "relaunch/export.hpp"
#include "relaunch/native.hpp"

namespace relaunch {

/// What a server does when its right to accept comes and goes. The library
/// calls these on its own thread, one at a time; they must neither block nor
/// throw: post the work to where the server runs.
struct AcceptHooks {
  /// Begin, or begin again, to accept.
  std::function<void()> resume;
  /// Stop accepting: cancel what is pending, serve what was accepted
  /// meanwhile, keep the socket open, then call `done` (from any thread). An
  /// upgrade waits for it up to Deadlines::pause.
  std::function<void(std::function<void()> done)> pause;
  /// This generation accepts no more: forget the native handle, then call
  /// `done`; the library closes the socket afterwards. Comes after pause.
  std::function<void(std::function<void()> done)> close;
};

/// One named listening socket: inherited from the generation before, or opened
/// by this one. A cheap handle to what the Upgrader owns; any thread. It must
/// not be used after the Upgrader is gone.
class RELAUNCH_EXPORT Listener {
 public:
  /// "http"
  const std::string& name() const;
  /// Where it listens: "tcp://127.0.0.1:39481"; tells the port behind `:0`.
  /// Or "unix:///run/app.sock", as it was asked for.
  const std::string& address() const;
  /// True if it came from the generation before.
  bool inherited() const;

  /// The open socket; the library owns it.
  ///
  /// It is shared with other processes. POSIX: it is non-blocking and stays
  /// so: its status flags belong to all. Windows: it must never be put on a
  /// completion port (no Asio socket or acceptor around it): accept with
  /// AcceptEx and an event whose handle has the low bit set, as
  /// relaunch/asio.hpp does.
  ///
  /// unix-seqpacket:// and unix-datagram:// have no adapter: between resume and
  /// pause accept on it, or, of datagrams, read from it (it does not accept);
  /// what is not read waits in the socket for the next generation. What was
  /// read is to be answered before `done`.
  native_socket native_handle() const;

  /// Who accepts on it; once, before Upgrader::ready(). Replaced by nothing:
  /// a second call throws Error{errc::invalid_argument}.
  void attach(AcceptHooks hooks) const;

  struct Impl;
  explicit Listener(std::shared_ptr<Impl> impl);

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace relaunch
