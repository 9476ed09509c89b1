#include "common/os/become.hpp"

#include "common/os/process.hpp"
#include "win32/win32.hpp"

namespace relaunch::os {

Error become(const std::filesystem::path& executable,
             const std::vector<std::string>& arguments,
             std::vector<PassedSocket> sockets) {
  if (!sockets.empty()) {
    return Error{errc::invalid_argument,
                 "cannot go on as another program: it gets no sockets"};
  }
  LaunchRequest request;
  request.executable = executable;
  request.arguments = arguments;
  request.environment = own_environment();
  if (auto launched = launch(request); !launched) return launched.error();
  ::ExitProcess(0);
}

bool become_passes_sockets() { return false; }

}  // namespace relaunch::os
