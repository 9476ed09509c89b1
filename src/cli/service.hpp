// The verb `service`, and the words that the command calls itself by on
// Windows.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cli/exit_code.hpp"
#include "cli/run_options.hpp"
#include "cli/settings.hpp"
#include "common/os/service.hpp"

namespace relaunch::cli {

/// What `relaunch service …` asks for.
struct ServiceRequest {
  enum class Action { install, uninstall, start, stop, status };
  Action action = Action::status;
  std::string name;  ///< of the instance, and of its service
  bool json = false;
  /// install: what the service runs from then on, without the program.
  std::vector<std::string> run;
};

/// A failure where there is no service manager of this kind.
Attempt<void> services_possible();

/// `words`: what came after `service`. What is installed is checked as `run`
/// would, without the RELAUNCH_ variables, which the service will not have.
Attempt<ServiceRequest> read_service_request(std::span<const std::string> words,
                                             const Surroundings& surroundings,
                                             const Places& places);

/// The service that is installed: `program` is the file of this command.
os::ServiceDefinition definition_of(const ServiceRequest& request,
                                    const std::string& program,
                                    const std::filesystem::path& folder);

/// "state: running\npid: 12\n…" or one JSON object.
std::string render_service(const ServiceRequest& request,
                           const os::ServiceStatus& status);

/// Does it; what is to be printed.
Attempt<std::string> perform_service(const ServiceRequest& request,
                                     const std::filesystem::path& folder);

/// If the command was started by itself or by the service manager: as the host
/// of a service, or as the helper that stops a program by its console. The
/// words are without the program's name.
std::optional<ExitCode> run_hidden_verb(std::span<const std::string> words);

}  // namespace relaunch::cli
