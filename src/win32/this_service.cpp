// This process as a service.
#include <mutex>
#include <optional>

#include "common/base/text.hpp"
#include "common/os/service.hpp"
#include "win32/win32.hpp"

namespace relaunch::os {

namespace {

constexpr DWORD kUpgradeControl = 128;
constexpr DWORD kEventId = 1;

class Running final : public ThisService {
 public:
  Running(const std::string& name,
          const std::function<std::uint32_t(ThisService&)>& body)
      : name_(win32::wide(name)), body_(body) {
    status_.dwServiceType = SERVICE_WIN32_OWN_PROCESS;
  }

  /// Returns when the service has stopped.
  Result<void> dispatch();

  void take_orders(std::function<void(ServiceOrder)> on_order) override {
    const std::lock_guard lock{mutex_};
    on_order_ = std::move(on_order);
    tell();
  }
  void report(ServiceState state) override {
    const std::lock_guard lock{mutex_};
    const DWORD before = status_.dwCurrentState;
    // There is no way back; an order and the body may say it at once.
    if (before == SERVICE_STOPPED) return;
    if (before == SERVICE_STOP_PENDING && state != ServiceState::stopping) {
      return;
    }
    status_.dwCurrentState = state == ServiceState::running ? SERVICE_RUNNING
                             : state == ServiceState::stopping
                                 ? SERVICE_STOP_PENDING
                                 : SERVICE_START_PENDING;
    if (before != status_.dwCurrentState) status_.dwCheckPoint = 0;
    tell();
  }

 private:
  void main();
  DWORD control(DWORD code);
  void stopped(std::uint32_t code);
  void prepare();
  void tell();

  static void WINAPI on_main(DWORD, wchar_t**) { current_->main(); }
  static DWORD WINAPI on_control(DWORD code, DWORD, void*, void* context) {
    return static_cast<Running*>(context)->control(code);
  }

  /// The system passes nothing to on_main; there is one service a process.
  static Running* current_;

  std::wstring name_;
  const std::function<std::uint32_t(ThisService&)>& body_;
  std::optional<Error> failed_;
  std::mutex mutex_;
  SERVICE_STATUS_HANDLE handle_ = nullptr;
  SERVICE_STATUS status_{};
  std::function<void(ServiceOrder)> on_order_;
};

Running* Running::current_ = nullptr;

Result<void> Running::dispatch() {
  current_ = this;
  const SERVICE_TABLE_ENTRYW table[] = {{name_.data(), &on_main},
                                        {nullptr, nullptr}};
  const bool dispatched = StartServiceCtrlDispatcherW(table) != 0;
  const DWORD code = GetLastError();
  current_ = nullptr;
  if (failed_) return *failed_;
  if (dispatched) return {};
  return win32::failure(
      text::cat("cannot run service ", win32::narrow(name_),
                code == ERROR_FAILED_SERVICE_CONTROLLER_CONNECT
                    ? ": only the service manager starts it: "
                    : ": ",
                "StartServiceCtrlDispatcherW"),
      code);
}

void Running::main() {
  handle_ = RegisterServiceCtrlHandlerExW(name_.c_str(), &on_control, this);
  if (handle_ == nullptr) {
    failed_ =
        win32::failure(text::cat("cannot run service ", win32::narrow(name_),
                                 ": RegisterServiceCtrlHandlerExW"));
    return;
  }
  report(ServiceState::starting);
  const std::uint32_t code = body_(*this);
  stopped(code);
}

// With the last call dispatch() returns on its own thread, and this object is
// no more: by then nobody here holds its mutex.
void Running::stopped(std::uint32_t code) {
  const SERVICE_STATUS_HANDLE handle = handle_;
  SERVICE_STATUS last{};
  {
    const std::lock_guard lock{mutex_};
    on_order_ = {};
    status_.dwCurrentState = SERVICE_STOPPED;
    status_.dwWin32ExitCode =
        code == 0 ? NO_ERROR : ERROR_SERVICE_SPECIFIC_ERROR;
    status_.dwServiceSpecificExitCode = code;
    prepare();
    last = status_;
  }
  SetServiceStatus(handle, &last);
}

void Running::tell() {
  prepare();
  SetServiceStatus(handle_, &status_);
}

// https://learn.microsoft.com/windows/win32/api/winsvc/nf-winsvc-setservicestatus
void Running::prepare() {
  const DWORD state = status_.dwCurrentState;
  const bool pending =
      state == SERVICE_START_PENDING || state == SERVICE_STOP_PENDING;
  status_.dwCheckPoint = pending ? status_.dwCheckPoint + 1 : 0;
  status_.dwWaitHint =
      pending ? static_cast<DWORD>(kServiceHint.count()) : DWORD{0};
  status_.dwControlsAccepted = 0;
  if (on_order_ && state != SERVICE_STOPPED && state != SERVICE_STOP_PENDING) {
    status_.dwControlsAccepted = SERVICE_ACCEPT_STOP |
                                 SERVICE_ACCEPT_PRESHUTDOWN |
                                 SERVICE_ACCEPT_PARAMCHANGE;
  }
}

// The system waits for this to return: what is to be done is done elsewhere.
DWORD Running::control(DWORD code) {
  std::optional<ServiceOrder> order;
  switch (code) {
    case SERVICE_CONTROL_INTERROGATE:
      return NO_ERROR;
    case SERVICE_CONTROL_STOP:
    case SERVICE_CONTROL_PRESHUTDOWN:
      order = ServiceOrder::stop;
      break;
    case SERVICE_CONTROL_PARAMCHANGE:
      order = ServiceOrder::reload;
      break;
    case kUpgradeControl:
      order = ServiceOrder::upgrade;
      break;
    default:
      return ERROR_CALL_NOT_IMPLEMENTED;
  }
  if (*order == ServiceOrder::stop) report(ServiceState::stopping);
  const std::lock_guard lock{mutex_};  // take_orders({}) waits for its end
  if (on_order_) on_order_(*order);
  return NO_ERROR;
}

}  // namespace

Result<void> run_service(
    const std::string& name,
    const std::function<std::uint32_t(ThisService&)>& body) {
  return Running{name, body}.dispatch();
}

void tell_system_log(const std::string& service, bool error,
                     const std::string& line) {
  const HANDLE log =
      RegisterEventSourceW(nullptr, win32::wide(service).c_str());
  if (log == nullptr) return;
  const std::wstring wide = win32::wide(line);
  const wchar_t* text = wide.c_str();
  ReportEventW(log, error ? EVENTLOG_ERROR_TYPE : EVENTLOG_INFORMATION_TYPE, 0,
               kEventId, nullptr, 1, 0, &text, nullptr);
  DeregisterEventSource(log);
}

}  // namespace relaunch::os
