// One test at a time has to do with the service manager.
#pragma once

#include <stdexcept>

#include "support/event_wait.hpp"
#include "win32/win32.hpp"

namespace relaunch::test {

/// Held by each of them, also in other runs of the tests. Wine's service
/// manager tells the process of a service by a pipe that it has numbered last:
/// a test that asks to be a service, and is none, would take the place of one
/// that another test is starting (dlls/sechost/service.c, service_open_pipe).
class ServiceManagerTurn {
 public:
  ServiceManagerTurn() {
    const DWORD waited = WaitForSingleObject(
        mutex_.get(), static_cast<DWORD>(2 * kPatience.count()));
    if (waited != WAIT_OBJECT_0 && waited != WAIT_ABANDONED) {
      throw std::runtime_error{"another test keeps the service manager"};
    }
  }
  ~ServiceManagerTurn() { ReleaseMutex(mutex_.get()); }
  ServiceManagerTurn(const ServiceManagerTurn&) = delete;
  ServiceManagerTurn& operator=(const ServiceManagerTurn&) = delete;

 private:
  os::Handle mutex_ = os::win32::own(
      CreateMutexW(nullptr, FALSE, L"Local\\relaunch-test-service-manager"));
};

}  // namespace relaunch::test
