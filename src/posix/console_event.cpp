#include "common/os/console_event.hpp"

namespace relaunch::os {

Result<void> can_send_console_events() {
  return Error{std::make_error_code(std::errc::not_supported),
               "cannot stop a program by its console: it is for Windows, here "
               "a program is stopped by a signal"};
}

Result<void> send_console_event(native_handle, ConsoleEvent) {
  return can_send_console_events().error();
}

}  // namespace relaunch::os
