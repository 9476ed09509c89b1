#include "common/os/service_manager.hpp"

namespace relaunch::os {

std::optional<ServiceManager> ServiceManager::find() { return std::nullopt; }

std::optional<ProcessId> ServiceManager::main_process() { return std::nullopt; }

// There is none, so nobody is ever told anything.
Result<void> ServiceManager::tell(std::string_view,
                                  std::chrono::milliseconds) const {
  return {};
}

Result<void> ServiceManager::store(std::string_view, native_socket) const {
  return {};
}

Result<void> ServiceManager::forget(std::string_view) const { return {}; }

}  // namespace relaunch::os
