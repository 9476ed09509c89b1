#include <algorithm>
#include <utility>

#include "common/os/system.hpp"
#include "common/supervisor/manager_report.hpp"
#include "common/supervisor/supervisor.hpp"

namespace relaunch::supervisor {
namespace {

const ListenerOption* find(const std::vector<ListenerOption>& listeners,
                           std::string_view name) {
  const auto found = std::find_if(
      listeners.begin(), listeners.end(),
      [&](const ListenerOption& option) { return option.name == name; });
  return found == listeners.end() ? nullptr : &*found;
}

/// What stays as it is as long as the supervisor runs: the first option that
/// is to change.
std::optional<std::string> fixed(const Options& now, const Options& then) {
  const std::pair<std::string_view, bool> kept[] = {
      {"name", now.name == then.name},
      {"state-folder", now.state_folder == then.state_folder},
      {"run-folder", now.run_folder == then.run_folder},
      {"readiness", now.foreign.readiness == then.foreign.readiness ||
                        (now.foreign.readiness != Readiness::embedded &&
                         then.foreign.readiness != Readiness::embedded)},
      {"output", now.output == then.output},
      {"log-format", now.log_format == then.log_format},
      {"log-file", now.log_file == then.log_file},
      {"metrics-file", now.metrics_file == then.metrics_file},
      {"pid-file", now.pid_file == then.pid_file},
  };
  for (const auto& [option, same] : kept) {
    if (!same) return text::cat("--", option);
  }
  for (const auto& [name, address] : then.listeners) {
    const auto* held = find(now.listeners, name);
    if (held && held->address != address) {
      return text::cat("the address of listener '", name, '\'');
    }
  }
  return {};
}

}  // namespace

void Supervisor::configure(Options options) {
  options_ = std::move(options);
  relaunch::Options& library = context_.options;
  library.name = options_.name;
  library.build = options_.build;
  library.artifact = options_.artifact;
  library.executable = options_.executable;
  library.state_folder = options_.state_folder;
  library.deadlines = options_.deadlines;
  library.max_draining = options_.max_draining;
  library.keep_releases = options_.keep_releases;
  context_.fixed_listeners.clear();
  for (const auto& listener : options_.listeners) {
    context_.fixed_listeners.insert(listener.name);
  }
  policy_.configure(options_.restart);
  LaunchPlan& plan = context_.launched;
  plan.arguments = options_.program;
  plan.folder = options_.folder;
  plan.environment = os::own_environment();
  std::erase_if(plan.environment, speaks_of_supervisor);
  for (const auto& variable : options_.environment) {
    plan.environment.push_back(variable);
  }
}

// All or none.
Result<std::set<std::string>> Supervisor::open_more(const Options& options) {
  std::set<std::string> opened;
  for (const ListenerOption& option : options.listeners) {
    if (holds(option.name)) continue;
    if (auto added = open_listener(option); !added) {
      for (const auto& other : opened) close_listener(other);
      return added.error();
    }
    opened.insert(option.name);
  }
  return opened;
}

void Supervisor::reload(Result<Options> options, OnEnd on_end) {
  if (!driver_->idle() || why_not()) return restart(std::move(on_end));
  const auto refuse = [&](const Error& error) {
    driver_->refuse(on_end, error.code(), error.text());
  };
  if (!options) return refuse(options.error());
  if (const auto what = fixed(options_, *options)) {
    return refuse({errc::invalid_argument,
                   text::cat("cannot change ", *what, " by a reload: it takes ",
                             "a new start of the supervisor")});
  }
  auto opened = open_more(*options);
  if (!opened) return refuse(opened.error());
  Options before = std::exchange(options_, {});
  LaunchPlan plan = context_.launched;
  configure(std::move(*options));
  restart([this, opened = std::move(*opened), before = std::move(before),
           plan = std::move(plan),
           on_end = std::move(on_end)](const Outcome& outcome) {
    if (outcome.result == Outcome::Result::done) {
      tell({}, observe::name::kSupervisorReloaded);
    } else {
      configure(before);
      context_.launched = plan;
      for (const auto& name : opened) close_listener(name);
    }
    on_end(outcome);
  });
}

}  // namespace relaunch::supervisor
