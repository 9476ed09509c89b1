#include "support/irreplaceable.hpp"

#include "common/base/text.hpp"
#include "support/child.hpp"

namespace relaunch::test {

// Process 1 of a process namespace of its own.
bool run_irreplaceable(const os::LaunchRequest& request) {
  os::LaunchRequest inside = request;
  inside.executable = "/usr/bin/unshare";
  inside.arguments = {"unshare",
                      "--user",
                      "--map-root-user",
                      "--pid",
                      "--fork",
                      "--kill-child",
                      text::utf8(request.executable)};
  inside.arguments.insert(inside.arguments.end(), request.arguments.begin() + 1,
                          request.arguments.end());
  const ChildResult result =
      run_child(std::move(inside), std::chrono::seconds{30});
  return result.in_time && result.status.success();
}

void live_as_irreplaceable(const std::function<void()>& body) { body(); }

}  // namespace relaunch::test
