// A generation that embeds the library, as its coordinator reaches it: its
// process, the channel to it, and what is said on it. In library mode it is
// the incumbent's link to its successor.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
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
#include "common/upgrade/deadline_timer.hpp"
#include "common/upgrade/departures.hpp"
#include "common/upgrade/generation.hpp"
#include "common/upgrade/peer_end.hpp"

namespace relaunch::handover {

/// All calls and callbacks on the library's thread. Destroying it closes the
/// channel and leaves the process be.
class GenerationLink : public upgrade::Generation {
 public:
  /// What comes of it is told as events of the coordinator. A context with
  /// `supervises` makes it a generation of a supervisor.
  GenerationLink(upgrade::Context& context, const ListenerSet& listeners,
                 const upgrade::Departures& departures, Tell tell);

  /// Starts the release with a channel.
  Result<void> launch(const release::Release& release,
                      LaunchPlan plan) override;
  /// One that runs already and has found its supervisor again, on a link of
  /// its own making. `complete` once, when it has said what it is and given its
  /// listeners.
  Result<void> adopt(std::shared_ptr<os::Process> process,
                     std::unique_ptr<os::Channel> channel,
                     std::function<void(const protocol::Rejoin&)> complete);
  void welcome() override;
  /// Batch by batch.
  void hand_over_listeners() override;
  void ask_health() override;
  void give_turn() override;
  void take_turn_back(std::chrono::milliseconds drain) override;
  void commit(std::chrono::milliseconds drain,
              std::chrono::milliseconds grace) override;
  const std::set<std::string>& unclaimed() const override { return unclaimed_; }
  const std::shared_ptr<os::Process>& process() const override {
    return process_;
  }
  void introduce(os::Handle end, std::shared_ptr<os::Process> other,
                 bool gives) override;
  void kill() override;
  void stop_watching() override { end_.stop_watching(); }
  void mute() override { muted_ = true; }

  // As the incumbent of a supervisor (generation_link_serving.cpp).
  void serve(upgrade::Reports reports) override;
  void pause(const upgrade::Generation& successor,
             std::function<void()> done) override;
  void resume() override;
  void drain(std::chrono::milliseconds drain) override;
  void report(const Status& status) override;
  std::vector<OpenedListener> take_opened() override;

 private:
  Result<void> start_process(const release::Release& release, LaunchPlan plan,
                             os::ChannelPair channel);
  Result<void> watch();
  void channel_lost(Error error);
  void on_message(os::Received received);
  void on_rejoin(const protocol::Rejoin& rejoin);
  void complete_if_all_came();
  void on_opened(const protocol::Opened& opened, os::Received& received);
  /// Of one that serves; false: not for it.
  bool on_report(const protocol::Message& message);
  void on_request(const protocol::UpgradeRequested& request);
  void paused();
  void gone(std::string status);
  void lost(Error error);
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
  void gives_up(Error error);

  upgrade::Context& context_;
  const ListenerSet& listeners_;
  const upgrade::Departures& departures_;
  Tell tell_;
  bool muted_ = false;
  upgrade::PeerEnd end_;
  std::shared_ptr<os::Process> process_;
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
  std::vector<OpenedListener> opened_;
  /// Set from its commit on.
  std::optional<upgrade::Reports> reports_;
  std::optional<protocol::Rejoin> rejoin_;
  std::function<void(const protocol::Rejoin&)> on_complete_;
  std::function<void()> on_paused_;
  bool has_paused_ = false;
  upgrade::DeadlineTimer resumed_;
  std::shared_ptr<os::Process> next_;  ///< kept until it has been sent
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace relaunch::handover
