// A generation that embeds the library, which is asked from outside too: it is
// healthy when it says so and the probe finds so.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/supervisor/options.hpp"
#include "common/supervisor/private_port.hpp"
#include "common/supervisor/probe.hpp"
#include "common/upgrade/context.hpp"
#include "common/upgrade/generation.hpp"

namespace relaunch::supervisor {

/// It listens on the private port by itself: RELAUNCH_PROBE_PORT, or the
/// variable that the options name. All calls and callbacks on the library's
/// thread.
class ProbedGeneration final : public upgrade::Generation {
 public:
  /// Makes the generation that is probed, with what it is to tell.
  using Make = std::function<std::unique_ptr<upgrade::Generation>(Tell)>;

  ProbedGeneration(upgrade::Context& context, const Options& options,
                   const Make& make, Tell tell);

  Result<void> launch(const release::Release& release,
                      LaunchPlan plan) override;
  void welcome() override { inner_->welcome(); }
  void hand_over_listeners() override { inner_->hand_over_listeners(); }
  /// Asks itself first; the probe follows its yes.
  void ask_health() override;
  void give_turn() override { inner_->give_turn(); }
  void take_turn_back(std::chrono::milliseconds drain) override {
    inner_->take_turn_back(drain);
  }
  void commit(std::chrono::milliseconds drain,
              std::chrono::milliseconds grace) override;
  const std::set<std::string>& unclaimed() const override {
    return inner_->unclaimed();
  }
  std::vector<handover::OpenedListener> take_opened() override {
    return inner_->take_opened();
  }
  void serve(upgrade::Reports reports) override;
  void pause(const upgrade::Generation& successor,
             std::function<void()> done) override {
    inner_->pause(successor, std::move(done));
  }
  void resume() override { inner_->resume(); }
  void drain(std::chrono::milliseconds drain) override { inner_->drain(drain); }
  void report(const Status& status) override { inner_->report(status); }
  void introduce(os::Handle end, std::shared_ptr<os::Process> other,
                 bool gives) override {
    inner_->introduce(std::move(end), std::move(other), gives);
  }
  const std::shared_ptr<os::Process>& process() const override {
    return inner_->process();
  }
  void kill() override { inner_->kill(); }
  void stop_watching() override { inner_->stop_watching(); }
  void mute() override;

 private:
  void on_event(upgrade::CoordinatorEvent event);
  void probe();

  upgrade::Context& context_;
  const Options options_;  ///< as they were when it was made
  Tell tell_;
  LaunchPlan plan_;
  PrivatePort port_;
  Probe probe_;
  std::unique_ptr<upgrade::Generation> inner_;
};

}  // namespace relaunch::supervisor
