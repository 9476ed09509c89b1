#include "support/irreplaceable.hpp"

#include <string>

#include "common/base/text.hpp"
#include "win32/win32.hpp"

namespace relaunch::test {
namespace {

namespace win32 = os::win32;

constexpr DWORD kPatienceMs = 30'000;

class ServiceHandle {
 public:
  explicit ServiceHandle(SC_HANDLE handle) : handle_(handle) {}
  ~ServiceHandle() {
    if (handle_ != nullptr) CloseServiceHandle(handle_);
  }
  ServiceHandle(const ServiceHandle&) = delete;
  ServiceHandle& operator=(const ServiceHandle&) = delete;
  SC_HANDLE get() const { return handle_; }

 private:
  SC_HANDLE handle_;
};

std::wstring command_line(const os::LaunchRequest& request) {
  std::wstring line = win32::quoted(request.executable.wstring());
  for (std::size_t i = 1; i < request.arguments.size(); ++i) {
    line += L' ' + win32::quoted(win32::wide(request.arguments[i]));
  }
  return line;
}

bool run_service(SC_HANDLE service) {
  if (!StartServiceW(service, 0, nullptr)) return false;
  SERVICE_STATUS_PROCESS status{};
  DWORD needed = 0;
  if (!QueryServiceStatusEx(service, SC_STATUS_PROCESS_INFO,
                            reinterpret_cast<BYTE*>(&status), sizeof status,
                            &needed)) {
    return false;
  }
  if (status.dwProcessId == 0) return true;  // it has ended already
  auto process = os::open_process(status.dwProcessId);
  return !process ||
         WaitForSingleObject(process->handle(), kPatienceMs) == WAIT_OBJECT_0;
}

// The service's own process: what runs in it, and how it says how it is.
const std::function<void()>* service_body = nullptr;

void WINAPI handle_control(DWORD) {}

void WINAPI service_main(DWORD, wchar_t**) {
  const auto handle = RegisterServiceCtrlHandlerW(L"", handle_control);
  SERVICE_STATUS status{};
  status.dwServiceType = SERVICE_WIN32_OWN_PROCESS;
  status.dwCurrentState = SERVICE_RUNNING;
  SetServiceStatus(handle, &status);
  (*service_body)();
  status.dwCurrentState = SERVICE_STOPPED;
  SetServiceStatus(handle, &status);
}

}  // namespace

bool run_irreplaceable(const os::LaunchRequest& request) {
  const ServiceHandle manager{
      OpenSCManagerW(nullptr, nullptr, SC_MANAGER_CREATE_SERVICE)};
  if (manager.get() == nullptr) return false;
  const std::wstring name =
      L"relaunch-test-" + std::to_wstring(GetCurrentProcessId());
  const ServiceHandle service{CreateServiceW(
      manager.get(), name.c_str(), name.c_str(), SERVICE_ALL_ACCESS,
      SERVICE_WIN32_OWN_PROCESS, SERVICE_DEMAND_START, SERVICE_ERROR_NORMAL,
      command_line(request).c_str(), nullptr, nullptr, nullptr, nullptr,
      nullptr)};
  if (service.get() == nullptr) return false;
  const bool run = run_service(service.get());
  DeleteService(service.get());
  return run;
}

void live_as_irreplaceable(const std::function<void()>& body) {
  service_body = &body;
  wchar_t no_name[] = L"";
  const SERVICE_TABLE_ENTRYW table[] = {{no_name, service_main}, {}};
  StartServiceCtrlDispatcherW(table);
}

}  // namespace relaunch::test
