// A generation that knows nothing of relaunch: its process, its listeners by
// the system's own protocol, how it says or shows that it is ready, its signal.
//
// It cannot pause. It accepts from when it can, at the latest from its ready
// on, beside the incumbent, until one of the two is told to stop. So the turn
// is given to it as soon as it is asked for, and taken back by stopping it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/handover/listeners.hpp"
#include "common/os/process.hpp"
#include "common/supervisor/console_stop.hpp"
#include "common/supervisor/listener_care.hpp"
#include "common/supervisor/listener_service.hpp"
#include "common/supervisor/notify_socket.hpp"
#include "common/supervisor/options.hpp"
#include "common/supervisor/private_port.hpp"
#include "common/supervisor/probe.hpp"
#include "common/upgrade/context.hpp"
#include "common/upgrade/deadline_timer.hpp"
#include "common/upgrade/generation.hpp"

namespace relaunch::supervisor {

/// All calls and callbacks on the library's thread.
class ForeignGeneration final : public upgrade::Generation {
 public:
  /// What comes of it is told as events of the coordinator.
  ForeignGeneration(upgrade::Context& context,
                    const handover::ListenerSet& listeners,
                    const Options& options, Tell tell);
  ~ForeignGeneration() override;

  // As the successor.
  Result<void> launch(const release::Release& release,
                      LaunchPlan plan) override;
  void welcome() override;
  void ask_health() override;
  void give_turn() override;
  void take_turn_back(std::chrono::milliseconds drain) override;
  void commit(std::chrono::milliseconds drain,
              std::chrono::milliseconds grace) override;
  const std::set<std::string>& unclaimed() const override { return unclaimed_; }
  std::vector<handover::OpenedListener> take_opened() override { return {}; }

  // As the incumbent.
  void serve(upgrade::Reports reports) override;
  void pause(const upgrade::Generation& successor,
             std::function<void()> done) override;
  void resume() override {}
  void drain(std::chrono::milliseconds drain) override;
  void report(const Status&) override {}

  const std::shared_ptr<os::Process>& process() const override {
    return process_;
  }
  /// What it has accepted by now is finished where it can be: it is asked to
  /// stop first, and killed after the grace, or when it is said again.
  void kill() override;
  void stop_watching() override;
  void mute() override { muted_ = true; }

 private:
  // Its start.
  Result<void> prepare();
  Result<void> give_listeners(os::LaunchRequest& request);
  Result<void> start_process(const release::Release& release);
  void start_listening_to_it();
  Result<void> watch_end();
  // Its readiness.
  void await_ready();
  void probe_ready();
  void ready();
  // What it says.
  void on_notice(const NotifyMessage& notice);
  void on_extend(std::chrono::milliseconds more);
  void fed();
  void starved(const std::string& why);
  // Its end.
  void ask_to_stop();
  void kill_now();
  void gone();
  std::string end_text();
  void look_again();

  void tell_later(upgrade::CoordinatorEvent event);
  void tell(upgrade::CoordinatorEvent event);
  void log_failure(const Result<void>& result) const;

  upgrade::Context& context_;
  const handover::ListenerSet& listeners_;
  const Options options_;  ///< as they were when it was made
  Tell tell_;
  LaunchPlan plan_;
  ListenerCare care_;
  PrivatePort private_port_;
  std::optional<NotifySocket> notify_;
  std::optional<ListenerService> service_;
  std::optional<ConsoleStop> console_stop_;
  std::shared_ptr<os::Process> process_;
  std::unique_ptr<os::ProcessWatch> watch_;
  Probe ready_probe_;
  Probe health_probe_;
  upgrade::DeadlineTimer retry_;
  upgrade::DeadlineTimer watchdog_;
  upgrade::DeadlineTimer grace_;
  upgrade::DeadlineTimer look_;
  std::chrono::milliseconds watchdog_length_;
  std::chrono::steady_clock::time_point welcomed_;
  std::string last_probe_;  ///< why it was not ready yet
  std::uint32_t number_ = 0;
  std::string last_status_;  ///< STATUS=
  std::optional<std::uint32_t> last_error_;
  std::set<std::string> unclaimed_;
  std::optional<upgrade::Reports> reports_;
  bool muted_ = false;
  bool said_ready_ = false;
  bool awaited_ = false;  ///< its ready
  bool is_ready_ = false;
  bool asked_to_stop_ = false;
  bool kill_under_way_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace relaunch::supervisor
