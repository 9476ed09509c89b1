#include "common/supervisor/private_port.hpp"

#include "common/base/address.hpp"
#include "common/base/text.hpp"
#include "common/os/listener.hpp"

namespace relaunch::supervisor {

std::string PrivatePort::assignment() const {
  return port == 0 ? std::string{} : text::cat(variable, '=', port);
}

bool is_probe(Readiness kind) {
  return kind == Readiness::http || kind == Readiness::tcp ||
         kind == Readiness::command;
}

Result<PrivatePort> open_private_port(const ForeignOptions& options) {
  PrivatePort result;
  if (!is_probe(options.readiness) && !is_probe(options.health)) return result;
  auto any = Address::parse("tcp://127.0.0.1:0");
  if (!any) return any.error();
  auto listener = os::open_listener(*any);
  if (!listener) return listener.error();
  const auto where = os::local_address(listener->get());
  if (!where) return where.error();
  const bool by_listener = options.probe_variable.empty() &&
                           options.readiness != Readiness::embedded &&
                           options.readiness != Readiness::tcp &&
                           options.health != Readiness::tcp;
  result.port = where->port();
  result.variable = options.probe_variable.empty() ? std::string{kProbeVariable}
                                                   : options.probe_variable;
  if (by_listener) result.listener = std::move(*listener);
  return result;
}

ProbeQuestion question_for(Readiness kind,
                           const std::vector<std::string>& target,
                           const PrivatePort& port, const LaunchPlan& plan,
                           std::chrono::milliseconds deadline) {
  ProbeQuestion question;
  question.kind = kind;
  question.target = target;
  question.port = port.port;
  question.deadline = deadline;
  if (kind != Readiness::command) return question;
  question.folder = plan.folder;
  question.environment = plan.environment;
  question.environment.push_back(port.assignment());
  return question;
}

}  // namespace relaunch::supervisor
