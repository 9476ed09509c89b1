#include "cli/run_options.hpp"

#include <algorithm>
#include <array>
#include <set>

#include "cli/values.hpp"
#include "common/base/text.hpp"
#include "common/os/endpoint.hpp"
#include "common/os/folders.hpp"
#include "common/os/notify_socket.hpp"
#include "common/supervisor/private_port.hpp"

namespace relaunch::cli {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using supervisor::Options;
using text::cat;

Failure impossible(std::string line) {
  return Failure{ExitCode::configuration, std::move(line)};
}

// All values have been checked: what they mean cannot fail any more.

fs::path path_of(const Settings& settings, std::string_view name) {
  const Value* value = settings.value(name);
  if (value == nullptr) return {};
  return (value->base / text::path_from_utf8(value->text)).lexically_normal();
}

std::vector<std::string> words_of(const Settings& settings,
                                  std::string_view name) {
  auto words = split_words(settings.text(name));
  return words ? std::move(*words) : std::vector<std::string>{};
}

struct DurationTarget {
  std::string_view name;
  milliseconds& target;
};

void read_durations(const Settings& settings, Options& options) {
  Deadlines& deadlines = options.deadlines;
  supervisor::RestartOptions& restart = options.restart;
  const std::array targets = {
      DurationTarget{"build-deadline", deadlines.build},
      DurationTarget{"stage-deadline", deadlines.stage},
      DurationTarget{"hello-deadline", deadlines.hello},
      DurationTarget{"ready-deadline", deadlines.ready},
      DurationTarget{"ready-cap", deadlines.ready_cap},
      DurationTarget{"pause-deadline", deadlines.pause},
      DurationTarget{"turn-deadline", deadlines.turn},
      DurationTarget{"probation", deadlines.probation},
      DurationTarget{"health-interval", deadlines.health_interval},
      DurationTarget{"health-deadline", deadlines.health},
      DurationTarget{"drain-deadline", deadlines.drain},
      DurationTarget{"grace", deadlines.grace},
      DurationTarget{"restart-delay", restart.delay},
      DurationTarget{"restart-delay-max", restart.delay_max},
      DurationTarget{"crash-window", restart.crash_window},
      DurationTarget{"restart-stable", restart.stable},
  };
  for (const auto& [name, target] : targets) {
    if (const auto length = parse_duration(settings.text(name))) {
      target = *length;
    }
  }
}

unsigned count_of(const Settings& settings, std::string_view name) {
  const OptionInfo* option = find_option(name);
  const auto count =
      parse_count(settings.text(name), option->least, option->limit);
  return count ? *count : option->least;
}

Probe probe_of(const Settings& settings, std::string_view name) {
  auto probe = parse_probe(settings.text(name), find_option(name)->choices);
  return probe ? std::move(*probe) : Probe{};
}

void read_program(const Settings& settings, const Places& places,
                  Options& options) {
  options.program = words_of(settings, kProgram);
  options.folder =
      settings.has("folder") ? path_of(settings, "folder") : places.folder;
  for (const Value& each : settings.values("env")) {
    options.environment.push_back(each.text);
  }
  options.build.arguments = words_of(settings, "build");
  options.build.folder = settings.has("build-folder")
                             ? path_of(settings, "build-folder")
                             : options.folder;
  options.artifact = path_of(settings, "artifact");
  options.executable = text::path_from_utf8(settings.text("executable"));
  if (options.program.empty() && !options.artifact.empty()) {
    options.program = {text::utf8(options.artifact / options.executable)};
    if (options.executable.empty()) {
      options.program = {text::utf8(options.artifact)};
    }
  }
}

void read_foreign(const Settings& settings, supervisor::ForeignOptions& out) {
  auto readiness = probe_of(settings, "readiness");
  out.readiness = readiness.kind;
  out.readiness_target = std::move(readiness.target);
  auto health = probe_of(settings, "health");
  out.health = health.kind;
  out.health_target = std::move(health.target);
  out.stop_signal = settings.text("stop-signal");
  out.probe_variable = settings.text("probe-variable");
  if (const auto length = parse_duration(settings.text("watchdog"))) {
    out.watchdog = *length;
  }
}

void read_writing(const Settings& settings, Options& options) {
  using supervisor::LogFormat;
  options.output = settings.text("output") == "inherit"
                       ? supervisor::Output::inherit
                       : supervisor::Output::tagged;
  const auto format = settings.text("log-format");
  options.log_format = format == "json"     ? LogFormat::json
                       : format == "logfmt" ? LogFormat::logfmt
                                            : LogFormat::text;
  options.log_file = path_of(settings, "log-file");
  options.metrics_file = path_of(settings, "metrics-file");
  options.pid_file = path_of(settings, "pid-file");
}

/// `no-stage` takes back what a source below it says; said beside it, one of
/// the two is a mistake.
Attempt<void> settle_staging(Settings& settings) {
  if (!settings.flag("no-stage")) return {};
  const Value* no_stage = settings.value("no-stage");
  for (const std::string_view name : {"artifact", "executable", "build"}) {
    const Value* other = settings.value(name);
    if (other == nullptr) continue;
    if (other->source >= no_stage->source) {
      return impossible(cat("cannot use --no-stage with --", name, " (",
                            text::printable(other->origin),
                            "): without a stage there is nothing for it"));
    }
    settings.drop(name);
  }
  return {};
}

Attempt<void> check_listeners(const Options& options) {
  std::set<std::string> names;
  std::set<std::string> addresses;
  for (const auto& [name, address] : options.listeners) {
    if (!names.insert(name).second) {
      return impossible(
          cat("cannot use --listen: the name '", name, "' is given twice"));
    }
    const bool any_port =
        address.starts_with("tcp://") && address.ends_with(":0");
    if (!any_port && !addresses.insert(address).second) {
      return impossible(
          cat("cannot use --listen: two listeners have the "
              "address ",
              address));
    }
  }
  return {};
}

/// The supervisor writes these for each generation.
Attempt<void> check_variables(const Options& options) {
  for (const std::string& entry : options.environment) {
    const auto name = std::string_view{entry}.substr(0, entry.find('='));
    for (const std::string_view ours :
         {"RELAUNCH_CHANNEL", "RELAUNCH_INCUMBENT", "RELAUNCH_SUPERVISOR",
          "NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES",
          "MAINPID", "WATCHDOG_USEC", "WATCHDOG_PID"}) {
      if (name != ours) continue;
      return impossible(cat("cannot use --env '", name,
                            "': relaunch gives it to each generation"));
    }
  }
  return {};
}

/// What means nothing without another option.
Attempt<void> check_needs(const Settings& settings, const Options& options) {
  const supervisor::ForeignOptions& foreign = options.foreign;
  const bool embedded = foreign.readiness == supervisor::Readiness::embedded;
  const bool probed = supervisor::is_probe(foreign.readiness) ||
                      supervisor::is_probe(foreign.health);
  struct Need {
    std::string_view name;
    bool met;
    std::string_view what;
  };
  const Need needs[] = {
      {"executable", !options.artifact.empty(), "--artifact"},
      {"build", !options.artifact.empty(), "--artifact"},
      {"build-folder", !options.build.arguments.empty(), "--build"},
      {"probe-variable", probed, "a probe as --readiness or --health"},
      {"watchdog", !embedded, "a --readiness that is not embedded"},
      {"stop-signal", !embedded, "a --readiness that is not embedded"},
  };
  for (const auto& [name, met, what] : needs) {
    const Value* value = settings.value(name);
    const bool given = value && value->source != Source::fallback;
    if (!given || met) continue;
    return impossible(cat("cannot use --", name, " without ", what));
  }
  return {};
}

Attempt<void> check_together(const Settings& settings, const Options& options) {
  if (options.program.empty()) {
    return Failure{ExitCode::usage,
                   "cannot run anything: no program is named; try relaunch run "
                   "--help"};
  }
  if (auto fine = check_needs(settings, options); !fine) return fine;
  if (!options.metrics_file.empty() &&
      options.metrics_file.extension() != ".prom") {
    return impossible(
        cat("cannot use --metrics-file ", options.metrics_file,
            ": a textfile collector reads only what ends in .prom"));
  }
  if (options.foreign.readiness == supervisor::Readiness::notify &&
      !os::has_notify_sockets()) {
    return impossible(
        "cannot use --readiness notify: this system has no such protocol, use "
        "a probe");
  }
  if (options.deadlines.ready_cap < options.deadlines.ready) {
    return impossible(
        "cannot use --ready-cap: it is shorter than "
        "--ready-deadline");
  }
  if (options.restart.delay_max < options.restart.delay) {
    return impossible(
        "cannot use --restart-delay-max: it is shorter than "
        "--restart-delay");
  }
  if (auto fine = check_listeners(options); !fine) return fine;
  return check_variables(options);
}

std::string program_name(const Settings& settings) {
  if (settings.has("name")) return std::string{settings.text("name")};
  const auto words = words_of(settings, kProgram);
  if (!words.empty()) return text::utf8(text::path_from_utf8(words[0]).stem());
  const auto inner = text::path_from_utf8(settings.text("executable"));
  if (!inner.empty()) return text::utf8(inner.stem());
  return text::utf8(path_of(settings, "artifact").stem());
}

}  // namespace

Places system_places() {
  std::error_code failure;
  auto folder = fs::current_path(failure);
  return {std::move(folder), os::instances_state_folder(),
          os::default_run_folder()};
}

Attempt<Instance> instance_of(const Settings& settings, const Places& places) {
  Instance instance{program_name(settings), {}, {}};
  if (instance.name.empty()) {
    return Failure{ExitCode::usage,
                   "cannot tell which instance: give its --name, or set "
                   "RELAUNCH_NAME"};
  }
  if (!is_plain_name(instance.name)) {
    return impossible(cat("cannot use the program's name '",
                          text::printable(instance.name),
                          "' for the instance: give it a --name"));
  }
  if (settings.has("state-folder")) {
    instance.state_folder = path_of(settings, "state-folder");
  } else if (places.state) {
    instance.state_folder = *places.state / instance.name;
  } else {
    return impossible(
        cat(places.state.error().text(), "; give --state-folder"));
  }
  if (settings.has("run-folder")) {
    instance.run_folder = path_of(settings, "run-folder");
  } else if (places.run) {
    instance.run_folder = *places.run / instance.name;
  } else {
    instance.run_folder = instance.state_folder / "run";
  }
  return instance;
}

Attempt<Options> run_options(Settings settings, const Places& places) {
  if (auto fine = settle_staging(settings); !fine) return fine.error();
  Options options;
  read_program(settings, places, options);
  read_durations(settings, options);
  options.max_draining = count_of(settings, "max-draining");
  options.keep_releases = count_of(settings, "keep-releases");
  options.restart.crash_limit = count_of(settings, "crash-limit");
  read_foreign(settings, options.foreign);
  read_writing(settings, options);
  for (const Value& each : settings.values("listen")) {
    if (auto listener = parse_listener(each.text)) {
      options.listeners.push_back(std::move(*listener));
    }
  }
  if (auto fine = check_together(settings, options); !fine) return fine.error();
  auto instance = instance_of(settings, places);
  if (!instance) return instance.error();
  options.name = std::move(instance->name);
  options.state_folder = std::move(instance->state_folder);
  options.run_folder = std::move(instance->run_folder);
  return options;
}

Attempt<void> check_paths(const Options& options) {
  std::error_code ignored;
  if (!fs::is_directory(options.folder, ignored)) {
    return impossible(
        cat("cannot use --folder ", options.folder, ": it is no folder"));
  }
  const bool in_folder = fs::is_directory(options.artifact, ignored);
  if (in_folder && options.executable.empty()) {
    return impossible(cat("cannot use --artifact ", options.artifact,
                          ": it is a folder, and no --executable is given"));
  }
  if (!options.executable.empty() && !in_folder &&
      fs::exists(options.artifact, ignored)) {
    return impossible(cat("cannot use --executable: the artifact ",
                          options.artifact, " is no folder"));
  }
  return {};
}

}  // namespace relaunch::cli
