// The asking side of the service manager; this_service.cpp is the other one.
#include "common/os/service.hpp"

#include <algorithm>

#include "common/base/text.hpp"
#include "win32/win32.hpp"

namespace relaunch::os {

namespace {

using std::chrono::milliseconds;

struct ScTraits {
  using native_type = SC_HANDLE;
  static native_type invalid() noexcept { return nullptr; }
  static void close(native_type native) noexcept { CloseServiceHandle(native); }
};
using ScHandle = UniqueHandle<ScTraits>;

/// The first of the codes that are a service's own.
/// https://learn.microsoft.com/windows/win32/api/winsvc/nf-winsvc-controlservice
constexpr DWORD kUpgradeControl = 128;
constexpr DWORD kForgetFailuresAfter = 24 * 60 * 60;  // seconds

Error failed(std::string_view verb, const std::string& name,
             std::string_view call, DWORD code = GetLastError()) {
  return win32::failure(text::cat("cannot ", verb, " service ",
                                  text::printable(name), ": ", call),
                        code);
}

DWORD milliseconds_of(milliseconds time) {
  return static_cast<DWORD>(
      std::clamp<milliseconds::rep>(time.count(), 0, MAXDWORD - 1));
}

Result<ScHandle> open_manager(std::string_view verb, const std::string& name,
                              DWORD rights) {
  ScHandle manager{OpenSCManagerW(nullptr, nullptr, rights)};
  if (!manager) return failed(verb, name, "OpenSCManagerW");
  return manager;
}

Result<ScHandle> open(std::string_view verb, const std::string& name,
                      DWORD rights) {
  auto manager = open_manager(verb, name, SC_MANAGER_CONNECT);
  if (!manager) return manager;
  ScHandle service{
      OpenServiceW(manager->get(), win32::wide(name).c_str(), rights)};
  if (!service) return failed(verb, name, "OpenServiceW");
  return service;
}

std::wstring image_path(const std::vector<std::string>& command) {
  std::wstring line;
  for (const std::string& word : command) {
    std::wstring quoted = win32::quoted(win32::wide(word));
    // The program always: the system cuts at spaces, and so does an eye.
    if (line.empty() && !quoted.starts_with(L'"')) {
      quoted = L'"' + quoted + L'"';
    }
    if (!line.empty()) line += L' ';
    line += quoted;
  }
  return line;
}

Result<void> configure(const ScHandle& service,
                       const ServiceDefinition& definition) {
  std::wstring description = win32::wide(definition.description);
  SERVICE_DESCRIPTIONW text{description.data()};
  SERVICE_PRESHUTDOWN_INFO shutdown{
      milliseconds_of(definition.shutdown_patience)};
  std::vector<SC_ACTION> actions;
  for (const milliseconds delay : definition.restart_delays) {
    actions.push_back({SC_ACTION_RESTART, milliseconds_of(delay)});
  }
  SERVICE_FAILURE_ACTIONSW failure{};
  failure.dwResetPeriod = kForgetFailuresAfter;
  failure.cActions = static_cast<DWORD>(actions.size());
  failure.lpsaActions = actions.data();
  // Also when it says itself that it stopped with an error.
  SERVICE_FAILURE_ACTIONS_FLAG flag{TRUE};
  const struct {
    DWORD what;
    void* value;
    const char* name;
  } settings[] = {
      {SERVICE_CONFIG_DESCRIPTION, &text, "description"},
      {SERVICE_CONFIG_PRESHUTDOWN_INFO, &shutdown, "preshutdown time-out"},
      {SERVICE_CONFIG_FAILURE_ACTIONS, &failure, "failure actions"},
      {SERVICE_CONFIG_FAILURE_ACTIONS_FLAG, &flag, "failure actions flag"},
  };
  for (const auto& each : settings) {
    if (ChangeServiceConfig2W(service.get(), each.what, each.value)) continue;
    const DWORD code = GetLastError();
    // Wine 8 does not know that one: then only a crash counts as a failure.
    if (code == ERROR_INVALID_LEVEL && each.value == &flag) continue;
    return failed("install", definition.name,
                  text::cat("ChangeServiceConfig2W, ", each.name), code);
  }
  return {};
}

ServiceState state_of(DWORD state) {
  switch (state) {
    case SERVICE_STOPPED:
      return ServiceState::stopped;
    case SERVICE_START_PENDING:
      return ServiceState::starting;
    case SERVICE_RUNNING:
      return ServiceState::running;
    case SERVICE_STOP_PENDING:
      return ServiceState::stopping;
    default:
      return ServiceState::other;
  }
}

Result<ServiceStatus> query(const ScHandle& service, const std::string& name) {
  SERVICE_STATUS_PROCESS info{};
  DWORD needed = 0;
  if (!QueryServiceStatusEx(service.get(), SC_STATUS_PROCESS_INFO,
                            reinterpret_cast<BYTE*>(&info), sizeof info,
                            &needed)) {
    return failed("query", name, "QueryServiceStatusEx");
  }
  ServiceStatus status;
  status.state = state_of(info.dwCurrentState);
  status.pid = info.dwProcessId;
  status.exit_code = info.dwWin32ExitCode == ERROR_SERVICE_SPECIFIC_ERROR
                         ? info.dwServiceSpecificExitCode
                         : info.dwWin32ExitCode;
  return status;
}

}  // namespace

Result<void> can_have_services() { return {}; }

Result<void> install_service(const ServiceDefinition& definition) {
  auto manager = open_manager("install", definition.name,
                              SC_MANAGER_CONNECT | SC_MANAGER_CREATE_SERVICE);
  if (!manager) return manager.error();
  const ScHandle service{CreateServiceW(
      manager->get(), win32::wide(definition.name).c_str(),
      win32::wide(definition.title).c_str(), SERVICE_ALL_ACCESS,
      SERVICE_WIN32_OWN_PROCESS, SERVICE_AUTO_START, SERVICE_ERROR_NORMAL,
      image_path(definition.command).c_str(), nullptr, nullptr, nullptr,
      nullptr, nullptr)};
  if (!service && GetLastError() == ERROR_SERVICE_EXISTS) {
    return Error{make_error_code(std::errc::file_exists),
                 text::cat("cannot install service ", definition.name)};
  }
  if (!service) return failed("install", definition.name, "CreateServiceW");
  auto configured = configure(service, definition);
  if (!configured) DeleteService(service.get());
  return configured;
}

Result<void> uninstall_service(const std::string& name) {
  auto service = open("uninstall", name, DELETE);
  if (!service) return service.error();
  if (DeleteService(service->get())) return {};
  return failed("uninstall", name, "DeleteService");
}

Result<void> start_service(const std::string& name) {
  auto service = open("start", name, SERVICE_START);
  if (!service) return service.error();
  if (StartServiceW(service->get(), 0, nullptr)) return {};
  return failed("start", name, "StartServiceW");
}

Result<void> order_service(const std::string& name, ServiceOrder order) {
  const struct {
    const char* verb;
    DWORD right;
    DWORD control;
  } what = order == ServiceOrder::stop
               ? decltype(what){"stop", SERVICE_STOP, SERVICE_CONTROL_STOP}
           : order == ServiceOrder::reload
               ? decltype(what){"reload", SERVICE_PAUSE_CONTINUE,
                                SERVICE_CONTROL_PARAMCHANGE}
               : decltype(what){"upgrade", SERVICE_USER_DEFINED_CONTROL,
                                kUpgradeControl};
  auto service = open(what.verb, name, what.right);
  if (!service) return service.error();
  SERVICE_STATUS ignored{};
  if (ControlService(service->get(), what.control, &ignored)) return {};
  return failed(what.verb, name, "ControlService");
}

bool is_no_service(const Error& error) {
  return error.code() == win32::system_code(ERROR_SERVICE_DOES_NOT_EXIST) ||
         error.code() == win32::system_code(ERROR_SERVICE_NOT_ACTIVE);
}

Result<ServiceStatus> query_service(const std::string& name) {
  auto service =
      open("query", name, SERVICE_QUERY_STATUS | SERVICE_QUERY_CONFIG);
  if (!service) return service.error();
  auto status = query(*service, name);
  if (!status) return status;
  DWORD needed = 0;
  QueryServiceConfigW(service->get(), nullptr, 0, &needed);
  std::vector<std::uint64_t> room(needed / sizeof(std::uint64_t) + 1);
  auto* const config = reinterpret_cast<QUERY_SERVICE_CONFIGW*>(room.data());
  if (!QueryServiceConfigW(service->get(), config, needed, &needed)) {
    return failed("query", name, "QueryServiceConfigW");
  }
  status->command = win32::narrow(config->lpBinaryPathName);
  return status;
}

// The service manager tells nobody who is not asked to wait: it is asked again,
// as its documentation does.
// https://learn.microsoft.com/windows/win32/services/starting-a-service
Result<ServiceStatus> wait_for_service(const std::string& name,
                                       ServiceState while_in,
                                       milliseconds patience) {
  constexpr milliseconds kBetween{50};
  auto service = open("query", name, SERVICE_QUERY_STATUS);
  if (!service) return service.error();
  const auto end = std::chrono::steady_clock::now() + patience;
  while (true) {
    auto status = query(*service, name);
    if (!status || status->state != while_in ||
        std::chrono::steady_clock::now() >= end) {
      return status;
    }
    Sleep(milliseconds_of(kBetween));
  }
}

}  // namespace relaunch::os
