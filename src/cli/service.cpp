#include "cli/service.hpp"

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "common/base/text.hpp"
#include "common/os/system.hpp"
#include "common/supervisor/console_stop.hpp"
#include "common/supervisor/service_host.hpp"

namespace relaunch::cli {

namespace {

using os::ServiceState;
using text::cat;
using Action = ServiceRequest::Action;

constexpr std::string_view kService = "service";
constexpr std::string_view kHost = "host";
/// The first generation may have to be built first.
constexpr std::chrono::minutes kStartPatience{15};
constexpr std::chrono::minutes kStopPatience{4};

constexpr struct {
  std::string_view name;
  Action action;
} kActions[] = {{"install", Action::install},
                {"uninstall", Action::uninstall},
                {"start", Action::start},
                {"stop", Action::stop},
                {"status", Action::status}};

std::string_view name_of(Action action) {
  return kActions[static_cast<std::size_t>(action)].name;
}

Failure misuse(std::string_view why) {
  return Failure{ExitCode::usage, cat(why, "; try relaunch service --help")};
}

Failure failure(const Error& error) {
  // No manager, no such service: there is nobody who could be asked.
  const bool nobody =
      error.code() == std::errc::not_supported || os::is_no_service(error);
  return {nobody ? ExitCode::unreachable : exit_code(error), error.text()};
}

Surroundings without_own_variables(Surroundings surroundings) {
  std::erase_if(surroundings.environment, [](const std::string& variable) {
    return variable.starts_with("RELAUNCH_");
  });
  return surroundings;
}

Attempt<Settings> resolved(std::string_view verb,
                           std::span<const std::string> words,
                           const Surroundings& surroundings) {
  std::vector<std::string> all{std::string{verb}};
  all.insert(all.end(), words.begin(), words.end());
  auto invocation = read_command_line(all, surroundings.folder);
  if (!invocation) return invocation.error();
  if (!*invocation || (*invocation)->help) {
    return misuse("cannot use --help here");
  }
  return resolve(**invocation, surroundings);
}

Attempt<ServiceRequest> read_install(ServiceRequest request,
                                     std::span<const std::string> words,
                                     const Surroundings& surroundings,
                                     const Places& places) {
  const Surroundings later = without_own_variables(surroundings);
  auto settings = resolved("run", words, later);
  if (!settings) return settings.error();
  const auto options = run_options(std::move(*settings), places);
  if (!options) return options.error();
  request.name = options->name;
  request.run = {"run"};
  request.run.insert(request.run.end(), words.begin(), words.end());
  return request;
}

Attempt<ServiceRequest> read_other(ServiceRequest request,
                                   std::span<const std::string> words,
                                   const Surroundings& surroundings) {
  const bool status = request.action == Action::status;
  auto settings = resolved(status ? "status" : "abort", words, surroundings);
  if (!settings) return settings.error();
  request.name = settings->text("name");
  if (request.name.empty()) {
    return misuse(cat("cannot ", name_of(request.action),
                      " a service: --name is missing"));
  }
  request.json = status && settings->flag("json");
  return request;
}

Attempt<std::string> install(const ServiceRequest& request,
                             const std::filesystem::path& folder) {
  const auto program = os::running_executable();
  if (!program) return failure(program.error());
  const auto installed =
      os::install_service(definition_of(request, text::utf8(*program), folder));
  if (!installed && installed.error().code() == std::errc::file_exists) {
    return Failure{ExitCode::busy, installed.error().text()};
  }
  if (!installed) return failure(installed.error());
  return cat("service ", request.name, " is installed; relaunch service start ",
             "--name ", request.name, '\n');
}

Attempt<std::string> start(const ServiceRequest& request) {
  const auto asked = os::start_service(request.name);
  if (!asked) return failure(asked.error());
  const auto status = os::wait_for_service(request.name, ServiceState::starting,
                                           kStartPatience);
  if (!status) return failure(status.error());
  if (status->state == ServiceState::running) {
    return cat("service ", request.name, " is running: pid=", status->pid,
               '\n');
  }
  return Failure{ExitCode::failed,
                 cat("cannot start service ", request.name, ": it is ",
                     os::to_text(status->state), ", exit code ",
                     status->exit_code, "; the system's log tells why")};
}

Attempt<std::string> stop(const ServiceRequest& request) {
  auto status = os::query_service(request.name);
  if (!status) return failure(status.error());
  if (status->state != ServiceState::stopped) {
    const auto asked = os::order_service(request.name, os::ServiceOrder::stop);
    if (!asked) return failure(asked.error());
    status = os::wait_for_service(request.name, ServiceState::stopping,
                                  kStopPatience);
    if (!status) return failure(status.error());
  }
  if (status->state == ServiceState::stopped) {
    return cat("service ", request.name, " is stopped\n");
  }
  return Failure{ExitCode::failed, cat("cannot stop service ", request.name,
                                       ": it is ", os::to_text(status->state))};
}

Attempt<std::string> uninstall(const ServiceRequest& request) {
  if (auto stopped = stop(request); !stopped) return stopped;
  const auto gone = os::uninstall_service(request.name);
  if (!gone) return failure(gone.error());
  return cat("service ", request.name, " is uninstalled\n");
}

}  // namespace

Attempt<void> services_possible() {
  if (auto possible = os::can_have_services(); !possible) {
    return failure(possible.error());
  }
  return {};
}

Attempt<ServiceRequest> read_service_request(std::span<const std::string> words,
                                             const Surroundings& surroundings,
                                             const Places& places) {
  if (words.empty()) return misuse("cannot do anything: no action is given");
  const auto found =
      std::find_if(std::begin(kActions), std::end(kActions),
                   [&](const auto& each) { return each.name == words[0]; });
  if (found == std::end(kActions)) {
    return misuse(cat("cannot understand '", text::printable(words[0]),
                      "': there is no such action"));
  }
  ServiceRequest request;
  request.action = found->action;
  const auto rest = words.subspan(1);
  return request.action == Action::install
             ? read_install(std::move(request), rest, surroundings, places)
             : read_other(std::move(request), rest, surroundings);
}

os::ServiceDefinition definition_of(const ServiceRequest& request,
                                    const std::string& program,
                                    const std::filesystem::path& folder) {
  using namespace std::chrono_literals;
  os::ServiceDefinition service;
  service.name = request.name;
  service.title = cat(request.name, " (relaunch)");
  service.description = cat("Holds the listeners of ", request.name,
                            " and replaces it without losing a connection.");
  service.command = {program, std::string{kService}, std::string{kHost},
                     request.name, text::utf8(folder)};
  service.command.insert(service.command.end(), request.run.begin(),
                         request.run.end());
  service.restart_delays = {1s, 10s, 60s};
  return service;
}

std::string render_service(const ServiceRequest& request,
                           const os::ServiceStatus& status) {
  if (request.json) {
    return boost::json::serialize(
               boost::json::object{{"schema", 1},
                                   {"service", request.name},
                                   {"state", os::to_text(status.state)},
                                   {"pid", status.pid},
                                   {"exit_code", status.exit_code},
                                   {"command", status.command}}) +
           '\n';
  }
  return cat("service: ", request.name, "\nstate: ", os::to_text(status.state),
             "\npid: ", status.pid, "\nexit code: ", status.exit_code,
             "\ncommand: ", text::printable(status.command), '\n');
}

Attempt<std::string> perform_service(const ServiceRequest& request,
                                     const std::filesystem::path& folder) {
  switch (request.action) {
    case Action::install:
      return install(request, folder);
    case Action::uninstall:
      return uninstall(request);
    case Action::start:
      return start(request);
    case Action::stop:
      return stop(request);
    case Action::status:
      break;
  }
  const auto status = os::query_service(request.name);
  if (!status) return failure(status.error());
  return render_service(request, *status);
}

std::optional<ExitCode> run_hidden_verb(std::span<const std::string> words) {
  if (words.size() == 1 && words[0] == supervisor::kConsoleStopVerb) {
    return static_cast<ExitCode>(supervisor::run_console_stop_helper());
  }
  // service host NAME FOLDER run …
  if (words.size() < 5 || words[0] != kService || words[1] != kHost) return {};
  const auto program = os::running_executable();
  if (!program) return exit_code(program.error());
  supervisor::ServiceHostOptions options;
  options.command = {text::utf8(*program)};
  options.command.insert(options.command.end(), words.begin() + 4, words.end());
  options.folder = text::path_from_utf8(words[3]);
  const auto ran = supervisor::run_service_host(words[2], options);
  if (ran) return ExitCode::done;
  os::tell_system_log(words[2], true, ran.error().text());
  return failure(ran.error()).code;
}

}  // namespace relaunch::cli
