// The incumbent's side of a handover: the successor's process, the channel to
// it, and what is said on it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "common/handover/listeners.hpp"
#include "common/os/channel.hpp"
#include "common/os/process.hpp"
#include "common/protocol/message.hpp"
#include "common/release/store.hpp"
#include "common/upgrade/context.hpp"
#include "common/upgrade/coordinator.hpp"
#include "common/upgrade/departures.hpp"
#include "common/upgrade/peer_end.hpp"

namespace relaunch::handover {

/// All calls and callbacks on the library's thread. Destroying it closes the
/// channel and leaves the process be.
class SuccessorLink {
 public:
  using Tell = std::function<void(upgrade::CoordinatorEvent)>;

  /// What comes of it is told as events of the coordinator.
  SuccessorLink(upgrade::Context& context, const ListenerSet& listeners,
                const upgrade::Departures& departures, Tell tell);

  /// Starts the release with a channel. On an error nothing runs.
  Result<void> launch(const release::Release& release);
  os::ProcessId pid() const { return process_.id(); }

  /// Answers its hello, then gives the listeners, batch by batch.
  void welcome();
  void ask_health();
  void give_turn();
  void take_turn_back(std::chrono::milliseconds drain);
  void commit(std::chrono::milliseconds drain, std::chrono::milliseconds grace);
  void kill();
  /// Its end is of no interest any more; the channel stays open.
  void stop_watching() { end_.stop_watching(); }
  /// Nothing is told from here on.
  void mute() { muted_ = true; }
  /// The process, for whoever watches it leave; the link goes with it.
  static upgrade::Departures::Leaver leaver(
      std::unique_ptr<SuccessorLink> link);

  /// Listeners that the successor did not take.
  const std::set<std::string>& unclaimed() const { return unclaimed_; }

 private:
  Result<void> start_process(const release::Release& release,
                             os::ChannelPair channel);
  void on_message(const os::Received& received);
  void on_hello(const protocol::Hello& hello);
  void on_adopted(const protocol::Adopted& adopted);
  void on_ready(const protocol::Ready& ready);
  void on_extend(const protocol::ExtendReady& extend);
  void send_batches();
  void send_batch(std::size_t batch);
  void send(const protocol::Message& message,
            std::vector<os::Outgoing> handles = {});
  void tell(upgrade::CoordinatorEvent event);
  void fail(Error error, bool blames_release = true);

  upgrade::Context& context_;
  const ListenerSet& listeners_;
  const upgrade::Departures& departures_;
  Tell tell_;
  bool muted_ = false;
  upgrade::PeerEnd end_;
  os::Process process_;
  std::unique_ptr<os::Channel> channel_;
  std::string release_;
  std::uint16_t version_ = protocol::kMaxVersion;
  os::Handle own_process_;  ///< kept until it has been sent, and the next
  std::vector<std::shared_ptr<os::Process>> leaving_;
  std::vector<std::vector<ListenerSet::Entry>> batches_;
  std::size_t sent_batches_ = 0;
  std::size_t adopted_batches_ = 0;
  std::chrono::steady_clock::time_point adopted_at_;
  std::set<std::string> unclaimed_;
  std::uint32_t question_ = 0;
};

}  // namespace relaunch::handover
