#include "common/upgrade/in_process_host.hpp"

#include <utility>

#include "common/handover/generation_link.hpp"
#include "common/os/channel.hpp"

namespace relaunch::upgrade {

std::optional<std::string> InProcessHost::why_not() const {
  if (auto reason = os::why_not_replaceable()) return reason;
  return main_.why_not();
}

std::unique_ptr<Generation> InProcessHost::make_successor(
    Generation::Tell tell) {
  return std::make_unique<handover::GenerationLink>(
      context_, self_.listeners(), departures_, std::move(tell));
}

Result<void> InProcessHost::introduce(Generation& successor) {
  auto link = os::make_channel_pair();
  if (!link) return link.error();
  auto own = os::own_process_handle();
  if (!own) return own.error();
  self_.crossing().give_to(std::move(link->ours), successor.process());
  successor.introduce(
      std::move(link->theirs),
      std::make_shared<os::Process>(std::move(*own), os::own_process_id()),
      false);
  return {};
}

void InProcessHost::pause(const Generation& successor,
                          std::function<void()> done) {
  self_.yield(successor.unclaimed(), std::move(done));
}

void InProcessHost::resume() {
  self_.crossing().not_succeeded();
  self_.accept({});
}

void InProcessHost::succeed(std::unique_ptr<Generation> successor,
                            const release::Release&) {
  departures_.forget();  // the successor has watched them since its welcome
  successor_ = std::move(successor);
  successor_->stop_watching();
  successor_->mute();
  main_.hand_over(successor_->process()->id());
  self_.leave(context_.options.deadlines.drain,
              [unclaimed = successor_->unclaimed()](const auto& listener) {
                return unclaimed.contains(listener.name);
              });
}

void InProcessHost::leave() {
  self_.leave(context_.options.deadlines.drain,
              [](const auto&) { return true; });
}

}  // namespace relaunch::upgrade
