// Library mode: the process that coordinates is the one that is replaced.
#pragma once

#include "common/upgrade/context.hpp"
#include "common/upgrade/departures.hpp"
#include "common/upgrade/host.hpp"
#include "common/upgrade/main_process.hpp"
#include "common/upgrade/this_generation.hpp"

namespace relaunch::upgrade {

class InProcessHost final : public Host {
 public:
  InProcessHost(Context& context, ThisGeneration& self, Departures& departures,
                MainProcess& main)
      : context_(context), self_(self), departures_(departures), main_(main) {}

  std::optional<std::string> why_not() const override;
  os::ProcessId pid() const override { return os::own_process_id(); }
  std::unique_ptr<Generation> make_successor(Generation::Tell tell) override;
  Result<void> introduce(Generation& successor) override;
  void pause(const Generation& successor, std::function<void()> done) override;
  void resume() override;
  void succeed(std::unique_ptr<Generation> successor,
               const release::Release& release) override;
  void leave() override;

 private:
  Context& context_;
  ThisGeneration& self_;
  Departures& departures_;
  MainProcess& main_;
  /// Committed: its channel stays open, for it may ask this process to leave.
  std::unique_ptr<Generation> successor_;
};

}  // namespace relaunch::upgrade
