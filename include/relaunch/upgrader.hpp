// Replace a running server with a new build, and lose nothing.
//
// What stays true when things fail:
// - Until the successor is serving, the incumbent serves.
// - The listening sockets are never closed while somebody may need them.
// - At most one generation accepts at any time.
// - An upgrade can be taken back until it is committed.
// - Every wait has a deadline.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "relaunch/connection.hpp"
#include "relaunch/error.hpp"
#include "relaunch/export.hpp"
#include "relaunch/file.hpp"
#include "relaunch/listener.hpp"
#include "relaunch/log.hpp"
#include "relaunch/outcome.hpp"
#include "relaunch/state.hpp"

namespace relaunch {

/// A program and its arguments: never a shell line.
struct Command {
  Command() = default;
  Command(std::initializer_list<std::string> words) : arguments(words) {}
  explicit Command(std::vector<std::string> words)
      : arguments(std::move(words)) {}

  /// UTF-8. The first is the program: a path, or a name looked up in PATH.
  /// Empty: no build; the artifact is taken as it is.
  std::vector<std::string> arguments;
  /// Relative paths, and an empty one, start at the working folder at
  /// construction of the Upgrader.
  std::filesystem::path folder;
  /// "NAME=VALUE", added to the program's own environment.
  std::vector<std::string> environment;
};

/// Every wait of an upgrade. Steady clock. Zero is refused, and more than a
/// year: no wait is endless.
struct Deadlines {
  using ms = std::chrono::milliseconds;
  /// The build command, with its whole process tree.
  ms build = std::chrono::minutes{10};
  /// Copying and hashing the artifact.
  ms stage = std::chrono::minutes{1};
  /// From launch until the successor has adopted what it was given.
  ms hello = std::chrono::seconds{20};
  /// From then until Upgrader::ready() in the successor, which may ask for
  /// more (Upgrader::extend_ready) up to ready_cap.
  ms ready = std::chrono::seconds{60};
  ms ready_cap = std::chrono::minutes{10};
  /// Until every AcceptHooks::pause and on_yield has finished.
  ms pause = std::chrono::seconds{5};
  /// From the turn's leaving until the successor serves; the way back too.
  ms turn = std::chrono::seconds{5};
  /// How long the successor must serve in health before the commit.
  ms probation = std::chrono::seconds{3};
  /// Between two questions for its health in probation, and how long one
  /// answer may take.
  ms health_interval = std::chrono::milliseconds{500};
  ms health = std::chrono::seconds{2};
  /// For the requests of a generation that leaves; then it is asked to stop,
  /// and killed when `grace` has passed too. A successor that says that it
  /// cannot begin has `grace` to end by itself.
  ms drain = std::chrono::seconds{30};
  ms grace = std::chrono::seconds{2};
};

/// How the next generation is started; on_launch may change it.
struct LaunchPlan {
  std::vector<std::string> arguments;  ///< as this generation's, name first
  std::filesystem::path folder;        ///< as this generation began
  std::vector<std::string> environment;
};

/// Runs a function where the application runs, later, from any thread.
using Executor = std::function<void(std::function<void()>)>;

struct Options {
  /// Names the state folder. ASCII letters, digits, '-', '_', '.'. Empty: the
  /// program's file name.
  std::string name;
  Command build;
  /// What the build leaves: the program's file, or a folder that holds it.
  /// Relative paths start at the working folder at construction.
  std::filesystem::path artifact;
  /// Where in an artifact folder the program is; empty for a file.
  std::filesystem::path executable;
  /// Empty: by the system's custom, e.g. ~/.local/state/relaunch/<name>.
  std::filesystem::path state_folder;
  Deadlines deadlines;
  /// Generations that may still be draining when the next upgrade is asked
  /// for; with so many of them it is refused as busy. From 1 to 64.
  unsigned max_draining = 4;
  /// Committed releases that are kept beside the current one.
  unsigned keep_releases = 3;
  /// Where callbacks run, and where the successor's health is asked: it counts
  /// as alive only if this executor runs things. Empty: callbacks run on the
  /// library's thread, and health is asked only if on_health was given, which
  /// then answers for that thread alone.
  Executor executor;
  LogSink log;
  /// Called on the library's thread before the successor is started; if it
  /// throws, the upgrade fails in Phase::launch.
  std::function<void(LaunchPlan&)> on_launch;
  /// Take TERM, INT and QUIT (Windows: console events and the stop event) and
  /// drain on them, until the Upgrader is gone. Off: the host's own handlers
  /// are left alone.
  bool handle_stop_requests = false;
  /// Open a control endpoint while this process coordinates, by which the
  /// command `relaunch` of the same user reaches it under its `name`: status,
  /// upgrade, rollback, abort, stop, events. If it cannot be had, that is
  /// logged and the server serves without.
  bool control = false;
  /// Where it is. Empty: by the system's custom, as the command looks for it:
  /// /run/relaunch/<name> for root, $XDG_RUNTIME_DIR/relaunch/<name>, else
  /// "run" in the state folder.
  std::filesystem::path run_folder;
  /// As the main process of a systemd unit (248 or later) with NOTIFY_SOCKET:
  /// say READY=1 when it serves, MAINPID= of the successor at each commit,
  /// STATUS=, WATCHDOG=1 if it is asked for, and STOPPING=1 at a real stop.
  /// Off, or without that socket, systemd would end the unit with the process
  /// that it knows: an upgrade is refused there (errc::not_permitted).
  bool tell_service_manager = true;
};

/// What a generation that leaves is told. Copies share one state.
class RELAUNCH_EXPORT Drain {
 public:
  /// When what is left must be given up.
  std::chrono::steady_clock::time_point deadline() const;

  /// There is one that can be asked to go on with connections; not so when
  /// this generation stops for good, or when the successor knows nothing of
  /// relaunch.
  bool has_successor() const;

  /// How it ended: no error, or why the connection comes back.
  using OnHandedOver = std::function<void(std::optional<Error>, Connection)>;

  /// The successor goes on with this connection, for whose peer nothing
  /// changes: no byte is lost, repeated or out of order. Nothing may read from
  /// the socket or write to it any more, in any process; what was read on the
  /// way is the connection's `unread`, what was not written yet belongs to its
  /// state. Any thread.
  ///
  /// @param name    Who takes it: Upgrader::on_connection in the successor.
  /// @param on_end  Once, on the library's thread; must neither block nor
  ///                throw. Without an error the successor has it, and it is
  ///                closed here. Otherwise it comes back as it was, to be
  ///                served to its end:
  ///                errc::handover_refused  there is no successor, or it does
  ///                                        not take this one
  ///                errc::invalid_argument  no connected stream socket, a
  ///                                        malformed name, or more than
  ///                                        256 KiB of state and unread bytes
  ///                errc::channel_lost      it cannot be reached, or lacks room
  ///                errc::stopped           the Upgrader is gone
  ///                a system error          this socket cannot be given away
  ///
  /// Windows: a socket that is or was on a completion port (any that Asio used)
  /// may stay tied to it, so the successor must drive it by overlapped calls
  /// whose event has the low bit set: relaunch::asio::Stream does.
  /// https://learn.microsoft.com/windows/win32/fileio/i-o-completion-ports
  void hand_over(std::string name, Connection connection,
                 OnHandedOver on_end) const;

  /// How it ended: no error, or why the successor has not merged it.
  using OnDeltaTaken = std::function<void(std::optional<Error>)>;

  /// What has changed in a state since the successor asked for it; whoever
  /// gives it must not return from main before `on_end`. Written by
  /// `delta.write` here and now, on the calling thread, whatever
  /// StateOffer::own_thread says. Any thread.
  ///
  /// @param name    Who merges it: Upgrader::on_state_delta in the successor.
  /// @param on_end  Once, on the library's thread (errc::stopped: where the
  ///                Upgrader ends); must neither block nor throw; may be empty.
  ///                Without an error the successor has merged it.
  ///                errc::handover_refused  there is no successor, it does not
  ///                                        take this one, or its merge threw
  ///                errc::invalid_argument  a malformed name, over the limit
  ///                errc::channel_lost      nobody knows whether it has
  ///                errc::stopped           the Upgrader is gone
  ///                a system error          there is no memory for it
  void hand_over_delta(std::string name, const StateOffer& delta,
                       OnDeltaTaken on_end) const;

  struct Impl;
  explicit Drain(std::shared_ptr<Impl> impl);

 private:
  std::shared_ptr<Impl> impl_;
};

struct UpgradeRequest {
  /// Start the artifact as it is.
  bool skip_build = false;
  /// Also if the release runs already or is held.
  bool force = false;
  /// If this generation is in probation: commit it now and go on.
  bool end_probation = false;
};

/// The right to be replaced. Construct it first in main(), before threads are
/// started: it reads and unsets the variables that its incumbent left for it.
///
/// Thread rule: every member may be called from any thread, also from the
/// callbacks. It owns one thread, and every socket it has handed out.
///
/// What it does to the process: standard streams that are closed are opened on
/// nothing (POSIX: descriptors 0 to 2), since the next socket would get their
/// numbers. Signals only with Options::handle_stop_requests.
class RELAUNCH_EXPORT Upgrader {
 public:
  /// Throws Error: an option is malformed, the state folder cannot be used.
  explicit Upgrader(Options options);
  /// Leaves: listeners are closed, a build and a staging are cancelled, and a
  /// successor that does not have the turn is ended; one that has it goes on
  /// alone. Whoever asked for an upgrade is answered (errc::stopped). Blocks
  /// until a file that is being copied is finished, and until a state that is
  /// being written (StateOffer::write). Not on the library's own
  /// thread: not from on_end or on_line. Windows: not in DllMain and not with
  /// static storage: it waits for its thread, which may be unable to end there.
  ~Upgrader();
  Upgrader(const Upgrader&) = delete;
  Upgrader& operator=(const Upgrader&) = delete;

  /// The listener of this name: inherited if the incumbent has one under this
  /// name that was asked for at the same address, or if a supervisor's
  /// configuration names it: then that says the address. Else opened now.
  ///
  /// In a successor this waits for the incumbent's listeners, at most
  /// Deadlines::hello.
  /// @param name     ASCII, 1 to 255 characters, no control character, no ':'.
  /// @param address  "tcp://127.0.0.1:8080", "tcp://[::]:0"; numeric.
  ///                 "unix:///run/app.sock", also "unix-seqpacket://…" and
  ///                 "unix-datagram://…": an absolute path. The file stays
  ///                 through upgrades, with the permissions that it is given;
  ///                 its last owner removes it, if it is still the same.
  ///                 "unix-abstract://name": Linux; anybody may connect.
  /// Throws Error: malformed, used twice, or the address cannot be had. A
  /// successor whose Upgrader is destroyed for it before its ready() tells the
  /// incumbent so.
  /// Windows: only TCP; std::errc::address_family_not_supported otherwise.
  Listener listen(std::string_view name, std::string_view address);

  /// Before ready(). on_take: this generation is about to accept; on_yield: it
  /// has stopped. For what only one process may hold: a lock, a timer job.
  /// Each is followed by the other when an upgrade is taken back.
  void on_take(std::function<void()> callback);
  void on_yield(std::function<void()> callback);
  /// This generation leaves: finish what was accepted, then return from main.
  void on_drain(std::function<void(Drain)> callback);
  /// Is this generation fit to serve? Asked of a successor when it is ready
  /// and again in probation. Must not block.
  void on_health(std::function<bool()> callback);

  /// Before ready(). Takes what the incumbent hands over under this name, after
  /// the commit. `take` runs where callbacks run; it must not throw. At most
  /// `limit` connections in the life of this generation; what is more, and what
  /// nobody takes, stays with the incumbent.
  /// Throws Error: the name is malformed or taken already, or there is no
  /// function.
  void on_connection(std::string_view name,
                     std::function<void(Connection)> take,
                     std::size_t limit = SIZE_MAX);

  /// What a successor may ask for while it prepares, and this generation
  /// serves. Any thread, at any time; best before ready().
  /// Throws Error (errc::invalid_argument): the name or the tag is malformed,
  /// there is no function, or the name is provided already.
  void provide_state(std::string_view name, StateOffer offer);
  /// Merges what has changed in a state after it was given: comes after the
  /// commit, where the incumbent says so (Drain::hand_over_delta), any number
  /// of times. `merge` runs where callbacks run; what it throws is told to the
  /// incumbent. This generation has served since it took the turn: what it has
  /// changed itself is newer than what comes. Before ready(). `wish`: what can
  /// be read; its deadline and `required` mean nothing here.
  /// Throws Error: the name or the wish is malformed, there is no function, or
  /// the name is taken.
  void on_state_delta(std::string_view name, StateWish wish,
                      std::function<void(State)> merge);
  /// The state of this name, as the incumbent writes it now: asked for, waited
  /// for and checked (schema, size, checksum). Empty, with the reason, for a
  /// cold start: in a generation that succeeds nobody, or nobody who embeds
  /// this library; and, if it is not required, where it cannot be had.
  ///
  /// Blocks, at most Deadlines::hello and the wish's deadline. In a successor
  /// before its ready(), not from a callback. The incumbent keeps its state,
  /// whatever comes of this.
  ///
  /// Throws Error: the name or the wish is malformed
  /// (errc::invalid_argument); the incumbent's listeners did not come (as
  /// listen()); it is required and cannot be had. Then the incumbent has been
  /// told why, ends the upgrade, and serves on; this process has
  /// Deadlines::grace to end by itself, and is killed then:
  ///   errc::handover_refused  it has none of this name, its writer threw, it
  ///                           is of another schema, too large, or damaged
  ///   errc::ready_timeout     it did not come in time
  ///   errc::channel_lost      the incumbent ended or cannot be reached
  ///   errc::malformed_frame, errc::unexpected_message  it broke the protocol
  ///   a system error          no memory or handle for it
  State inherited_state(std::string_view name, const StateWish& wish);

  /// A file or pipe that a successor may ask for under this name; a duplicate
  /// is kept until withdraw_file() or the end. Windows: one that is on a
  /// completion port stays on it, for every process.
  /// Throws Error: the name is malformed or provided already, or `file` is
  /// neither a file nor a pipe (errc::invalid_argument); a system error.
  void provide_file(std::string_view name, native_handle file);
  /// Closes the duplicate, if there is one: a log was rotated, say.
  void withdraw_file(std::string_view name);
  /// The incumbent's file of this name. Empty, with the reason: there is none,
  /// it is of another kind, or open for less than `access`; what came is closed
  /// then. Blocks as inherited_state() does, for ten seconds at most.
  /// Throws Error: the name is malformed, or as listen().
  File inherited_file(std::string_view name, FileKind kind, FileAccess access);

  /// This generation has initialised. A first generation accepts now; a
  /// successor when it gets the turn. Listeners that the incumbent gave and
  /// nobody claimed are reported, and stay with the incumbent, which closes
  /// them after the commit. Calling it twice does nothing.
  void ready();
  /// A successor that needs longer: the ready deadline counts from now again,
  /// `more` long; in all no later than Deadlines::ready_cap.
  void extend_ready(std::chrono::milliseconds more);

  /// Builds and relaunches. Never throws.
  ///
  /// @param on_line  Each line the build prints, without its end. May be empty.
  /// @param on_end   Once, always; at the commit, before this generation has
  ///                 drained, or at the failure.
  /// Both are called on the library's thread and must neither block nor throw.
  void upgrade(UpgradeRequest request,
               std::function<void(std::string_view)> on_line,
               std::function<void(const Outcome&)> on_end);
  /// Ends an upgrade that is under way, also in probation, where either of the
  /// two may be asked. From the commit on, and without one: nothing.
  void abort();
  /// Drains and leaves; an upgrade that is under way is abandoned first. A
  /// successor before its commit passes the request to its incumbent.
  void stop();

  Status status() const;
  /// True in a generation that was started by another.
  bool inherited() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace relaunch
