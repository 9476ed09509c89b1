#include "common/os/service.hpp"

namespace relaunch::os {

namespace {

Error not_here() {
  return Error{std::make_error_code(std::errc::not_supported),
               "no Windows service manager on this system: let systemd run it, "
               "see packaging/systemd"};
}

}  // namespace

Result<void> can_have_services() { return not_here(); }

Result<void> install_service(const ServiceDefinition&) { return not_here(); }

Result<void> uninstall_service(const std::string&) { return not_here(); }

Result<void> start_service(const std::string&) { return not_here(); }

Result<void> order_service(const std::string&, ServiceOrder) {
  return not_here();
}

bool is_no_service(const Error&) { return false; }

Result<ServiceStatus> query_service(const std::string&) { return not_here(); }

Result<ServiceStatus> wait_for_service(const std::string&, ServiceState,
                                       std::chrono::milliseconds) {
  return not_here();
}

Result<void> run_service(const std::string&,
                         const std::function<std::uint32_t(ThisService&)>&) {
  return not_here();
}

void tell_system_log(const std::string&, bool, const std::string&) {}

}  // namespace relaunch::os
