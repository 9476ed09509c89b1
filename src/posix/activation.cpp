#include "posix/activation.hpp"

#include <algorithm>

#include "common/base/text.hpp"

namespace relaunch::os {
namespace {

using text::cat;

bool is_descriptor_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return c > ' ' && c < 127 && c != ':';
  });
}

}  // namespace

void set_variable(Environment& environment, std::string_view name,
                  std::string_view value) {
  std::erase_if(environment, [&](const std::string& entry) {
    return entry.starts_with(cat(name, "="));
  });
  environment.push_back(cat(name, "=", value));
}

// The first of all that is passed, since the protocol begins with 3.
Result<void> add_listeners(const LaunchRequest& request, SpawnPlan& plan,
                           Environment& environment) {
  if (request.listeners.empty()) return {};
  std::string names;
  for (const auto& [name, socket] : request.listeners) {
    if (request.sure_status || !is_descriptor_name(name)) {
      return Error{errc::invalid_argument,
                   cat("cannot start ", request.executable, ": pass listener '",
                       text::printable(name), "'")};
    }
    if (!names.empty()) names += ':';
    names += name;
    plan.handles.push_back(socket);
  }
  set_variable(environment, "LISTEN_FDS", cat(request.listeners.size()));
  set_variable(environment, "LISTEN_FDNAMES", names);
  // Its end is filled in by the child: see own_number().
  set_variable(environment, "LISTEN_PID", std::string(kNumberRoom, '0'));
  return {};
}

// After add_listeners().
char* own_number(const LaunchRequest& request, Environment& environment) {
  constexpr std::string_view kVariable = "LISTEN_PID=";
  if (request.listeners.empty()) return nullptr;
  const auto entry = std::find_if(environment.begin(), environment.end(),
                                  [&](const std::string& variable) {
                                    return variable.starts_with(kVariable);
                                  });
  return entry->data() + kVariable.size();
}

}  // namespace relaunch::os
