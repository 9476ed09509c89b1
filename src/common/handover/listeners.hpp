// The listeners of one generation: what it inherited, what it opened, who
// accepts on them, and what it gives to the next.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/address.hpp"
#include "common/base/result.hpp"
#include "common/os/handle.hpp"
#include "common/protocol/message.hpp"
#include "relaunch/listener.hpp"

namespace relaunch {

struct Listener::Impl {
  std::string name;
  Address asked;
  std::string actual;  ///< where it really listens
  bool inherited = false;
  os::Socket socket;
  std::function<void(AcceptHooks)> attach;
  bool fixed = false;  ///< protocol::ListenerItem
  /// os::open_listener, by whichever generation made it; empty: none.
  std::string file{};
};

namespace handover {

/// One that a generation has opened and its supervisor is to hold.
struct OpenedListener {
  protocol::ListenerItem item;
  os::Socket socket;
};

/// Thread-safe: the application claims and attaches from its own threads, the
/// library's thread does the rest. Hooks are called on the library's thread.
class ListenerSet {
 public:
  using Done = std::function<void()>;
  using Post = std::function<void(std::function<void()>)>;
  /// Is nobody else to go on with this listener? Then its file goes with it.
  using IsLast = std::function<bool(const Listener::Impl&)>;

  /// `post` runs a function on the library's thread.
  explicit ListenerSet(Post post) : post_(std::move(post)) {}

  /// From the incumbent; checked against what was announced.
  Result<void> adopt(const protocol::ListenerItem& item, os::Socket socket);

  /// The inherited one, if it is fixed or was asked for at the same address,
  /// else a new one. Errors: the name is malformed or taken; what open_listener
  /// says; errc::stopped after close().
  Result<std::shared_ptr<Listener::Impl>> claim(std::string_view name,
                                                std::string_view address);

  /// Inherited, and asked for by nobody, or at another address.
  std::vector<std::string> unclaimed() const;
  void close_unclaimed();

  struct Entry {
    protocol::ListenerItem item;
    native_socket socket;
  };
  /// What the next generation is to get, in the order of names.
  std::vector<Entry> entries() const;
  /// Of these, what this generation opened itself.
  std::vector<Entry> opened() const;
  /// In place of what had this name before, which is closed; its file goes,
  /// unless it is the same. Errors: as adopt.
  Result<void> keep(OpenedListener opened);
  /// Closes the one of this name, if there is one; its file goes.
  void drop(const std::string& name);
  /// By the last owner, before the sockets are closed: a path whose listener
  /// still answers is nobody else's.
  void remove_files(const IsLast& is_last) const;

  /// All of them, open; nobody has them here any more. Not while somebody
  /// accepts.
  std::vector<OpenedListener> release();

  void resume();
  /// All but those in `except`; `done` on the library's thread.
  void pause(const std::set<std::string>& except, Done done);
  /// Removes the files, tells everyone, then closes the sockets. Nothing
  /// accepts afterwards; who attaches later is told to close at once.
  void close(const IsLast& is_last, Done done);

 private:
  struct Slot {
    std::shared_ptr<Listener::Impl> listener;
    AcceptHooks hooks;
    bool attached = false;
    bool accepting = false;
  };

  /// The file of it stays if it is this one.
  void drop_unless(const std::string& name, const std::string& file);
  void attach(const std::string& name, AcceptHooks hooks);
  void resume_latecomers();
  /// Calls `hook` of each chosen slot; `done` when all have finished.
  void for_each_hook(const std::vector<std::function<void(Done)>>& hooks,
                     Done done);

  Post post_;
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Listener::Impl>> inherited_;
  std::map<std::string, Slot> slots_;
  bool accepting_ = false;
  bool closed_ = false;
};

}  // namespace handover
}  // namespace relaunch
