// What this process itself can do: accept, stop accepting, answer for its
// health, leave.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/handover/connection_giver.hpp"
#include "common/handover/connection_taker.hpp"
#include "common/handover/listeners.hpp"
#include "common/handover/peer_link.hpp"
#include "common/upgrade/context.hpp"

namespace relaunch::upgrade {

/// Constructed on the application's thread; set_… from any thread before
/// ready(); everything else on the library's thread.
class ThisGeneration {
 public:
  using Done = std::function<void()>;

  explicit ThisGeneration(Context& context);

  handover::ListenerSet& listeners() { return listeners_; }

  void set_on_take(std::function<void()> callback);
  void set_on_yield(std::function<void()> callback);
  void set_on_drain(std::function<void(Drain)> callback);
  void set_on_health(std::function<bool()> callback);

  /// on_take, then accept. Runs after what was asked before it has finished.
  void accept(Done done);
  /// Stop accepting, but on the listeners in `except`, then on_yield.
  void yield(std::set<std::string> except, Done done);
  /// Asks the application, where it runs. The answer may never come.
  void ask_health(std::function<void(bool)> answer);
  /// Close the listeners, and tell the application that it has so long. The
  /// files of those that nobody goes on with are removed.
  void leave(std::chrono::milliseconds drain,
             handover::ListenerSet::IsLast is_last);
  bool leaving() const { return leaving_; }

  /// Any thread, before ready().
  Result<void> set_on_connection(const std::string& name,
                                 handover::ConnectionTakers::Take take,
                                 std::size_t limit);
  /// The link to the generation that succeeds this one, from now on.
  void give_to(os::Handle end, std::shared_ptr<os::Process> successor);
  /// The link to the generation that this one succeeds.
  void take_from(os::Handle end, std::shared_ptr<os::Process> incumbent);
  /// It is committed: what lives behind the listeners may come.
  void stay() { stays_ = true; }

 private:
  struct Callbacks {
    std::function<void()> take;
    std::function<void()> yield;
    std::function<void(Drain)> drain;
    std::function<bool()> health;
  };

  struct Giving {
    Giving(boost::asio::io_context& io, os::Handle end,
           std::shared_ptr<os::Process> successor)
        : link(io, std::move(end), std::move(successor)),
          connections(io, link) {}
    handover::PeerLink link;
    handover::ConnectionGiver connections;
  };

  handover::Give make_give();
  void on_answer(const protocol::Message& message);
  void on_gift(const protocol::Message& message,
               std::vector<os::Incoming> handles);
  void enqueue(std::function<void(Done)> step);
  void run_next();
  /// In the application, then back on the library's thread.
  void call(const char* what, std::function<void()> callback, Done done);
  Callbacks callbacks() const;

  Context& context_;
  handover::ListenerSet listeners_;
  mutable std::mutex mutex_;
  Callbacks callbacks_;
  std::deque<std::function<void(Done)>> steps_;
  std::optional<Drain> told_;  ///< what on_drain was told, once it was
  handover::ConnectionTakers takers_;
  std::unique_ptr<Giving> giving_;
  std::unique_ptr<handover::PeerLink> taking_;
  bool stays_ = false;
  bool busy_ = false;
  bool leaving_ = false;
};

}  // namespace relaunch::upgrade
