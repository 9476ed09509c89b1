#include "common/os/fault.hpp"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <optional>
#include <string>

#include "common/base/text.hpp"
#include "common/os/process.hpp"

namespace relaunch::os {
namespace {

namespace fs = std::filesystem;

struct Faults {
  std::mutex mutex;
  std::string role = "incumbent";
};

Faults& faults() {
  static Faults faults;
  return faults;
}

std::optional<fs::path> fault_folder() {
  // Read once and as it is in the process, so that a launch passes it on.
  static const auto folder = []() -> std::optional<fs::path> {
    const char* value = std::getenv("RELAUNCH_FAULTS");
    if (value == nullptr || *value == '\0') return std::nullopt;
    return text::path_from_utf8(value);
  }();
  return folder;
}

/// The order that waits at this point; the file is gone then, and of several
/// that come here at once only one gets it.
std::string take_order(std::string_view point) {
  const auto folder = fault_folder();
  if (!folder) return {};
  std::string name;
  {
    const std::lock_guard lock{faults().mutex};
    name = text::cat(faults().role, ".", point);
  }
  const fs::path file = *folder / name;
  std::error_code failure;
  if (!fs::exists(file, failure)) return {};
  std::string order;
  std::getline(std::ifstream{file}, order);
  return fs::remove(file, failure) ? order : std::string{};
}

[[noreturn]] void die() {
  if (auto self = own_process_handle()) {
    (void)Process{std::move(*self), own_process_id()}.kill();
  }
  for (;;) std::abort();
}

void hang() {
  std::mutex mutex;
  std::condition_variable never;
  std::unique_lock lock{mutex};
  // A test that forgets this process does not keep it for ever.
  never.wait_for(lock, std::chrono::minutes{2}, [] { return false; });
}

/// Somebody else, who has ended when this returns.
void end(ProcessId id) {
  auto process = open_process(id);
  if (!process || !process->kill()) return;
  (void)process->gone(std::chrono::seconds{20});
}

bool is_kill_of_another(const std::string& order) {
  constexpr std::string_view kKill = "kill ";
  if (!order.starts_with(kKill)) return false;
  end(static_cast<ProcessId>(
      std::strtoul(order.c_str() + kKill.size(), nullptr, 10)));
  return true;
}

}  // namespace

bool fault(std::string_view point) {
  const std::string order = take_order(point);
  if (order.empty()) return false;
  constexpr std::string_view kError = "error ";
  if (order == "kill") die();
  if (order == "hang") hang();
  if (is_kill_of_another(order)) return false;
  if (!order.starts_with(kError)) return false;
  set_last_error(std::atoi(order.c_str() + kError.size()));
  return true;
}

void set_fault_role(std::string_view role) {
  const std::lock_guard lock{faults().mutex};
  faults().role = role;
}

}  // namespace relaunch::os
