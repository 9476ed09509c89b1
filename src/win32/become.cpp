#include "common/os/become.hpp"

#include "common/os/process.hpp"
#include "win32/win32.hpp"

namespace relaunch::os {

Error become(const std::filesystem::path& executable,
             const std::vector<std::string>& arguments) {
  LaunchRequest request;
  request.executable = executable;
  request.arguments = arguments;
  request.environment = own_environment();
  if (auto launched = launch(request); !launched) return launched.error();
  ::ExitProcess(0);
}

}  // namespace relaunch::os
