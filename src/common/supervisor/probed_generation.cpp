#include "common/supervisor/probed_generation.hpp"

#include <utility>

#include "common/base/text.hpp"

namespace relaunch::supervisor {

namespace event = upgrade::event;

ProbedGeneration::ProbedGeneration(upgrade::Context& context,
                                   const Options& options, const Make& make,
                                   Tell tell)
    : context_(context),
      options_(options),
      tell_(std::move(tell)),
      probe_(context.io),
      inner_(make([this](upgrade::CoordinatorEvent event) {
        on_event(std::move(event));
      })) {}

Result<void> ProbedGeneration::launch(const release::Release& release,
                                      LaunchPlan plan) {
  auto port = open_private_port(options_.foreign);
  if (!port) return port.error();
  port_ = std::move(*port);
  if (port_.port != 0) plan.environment.push_back(port_.assignment());
  plan_ = plan;
  return inner_->launch(release, std::move(plan));
}

void ProbedGeneration::ask_health() {
  probe_.cancel();
  inner_->ask_health();
}

void ProbedGeneration::on_event(upgrade::CoordinatorEvent event) {
  const auto* answer = std::get_if<event::HealthAnswered>(&event);
  if (answer && answer->healthy) return probe();
  tell_(std::move(event));
}

void ProbedGeneration::probe() {
  probe_.ask(
      question_for(options_.foreign.health, options_.foreign.health_target,
                   port_, plan_, context_.options.deadlines.health),
      [this](const Result<void>& answer) {
        if (!answer) {
          context_.log(LogLevel::warning, answer.error().text());
        }
        tell_(event::HealthAnswered{answer.has_value()});
      });
}

void ProbedGeneration::commit(std::chrono::milliseconds drain,
                              std::chrono::milliseconds grace) {
  probe_.cancel();
  inner_->commit(drain, grace);
}

void ProbedGeneration::serve(upgrade::Reports reports) {
  probe_.cancel();
  inner_->serve(std::move(reports));
}

void ProbedGeneration::mute() {
  probe_.cancel();
  inner_->mute();
}

}  // namespace relaunch::supervisor
