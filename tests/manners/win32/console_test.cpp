// Console events belong to the host, unless it gave them away.
#include <future>

#include "common/base/text.hpp"
#include "relaunch/upgrader.hpp"
#include "support/child.hpp"
#include "support/event_wait.hpp"
#include "upgrade/upgrade_fixture.hpp"
#include "win32/win32.hpp"

namespace relaunch::test {
namespace {

HANDLE own_call = nullptr;

BOOL WINAPI note_own_call(DWORD) {
  SetEvent(own_call);
  return TRUE;
}

bool is_called(DWORD patience) {
  return WaitForSingleObject(own_call, patience) == WAIT_OBJECT_0;
}

bool is_called_for_an_event() {
  GenerateConsoleCtrlEvent(CTRL_C_EVENT, 0);
  return is_called(10'000);
}

Options options_with(const std::string& state, bool opted_in) {
  Options options;
  options.name = "test";
  options.state_folder = text::path_from_utf8(state);
  options.handle_stop_requests = opted_in;
  return options;
}

bool drains_for_an_event(Upgrader& upgrader) {
  std::promise<void> drained;
  upgrader.on_drain([&drained](Drain) { drained.set_value(); });
  GenerateConsoleCtrlEvent(CTRL_C_EVENT, 0);
  return drained.get_future().wait_for(kPatience) == std::future_status::ready;
}

RELAUNCH_CHILD_MAIN(has_a_console_handler) {
  const os::Handle event =
      os::win32::own(CreateEventW(nullptr, FALSE, FALSE, nullptr));
  own_call = event.get();
  SetConsoleCtrlHandler(note_own_call, TRUE);
  if (!is_called_for_an_event()) return 9;  // without the library
  {
    Upgrader upgrader{options_with(args.at(0), false)};
    if (!is_called_for_an_event()) return 1;
  }
  {
    Upgrader upgrader{options_with(args.at(0), true)};
    if (!drains_for_an_event(upgrader)) return 2;
    if (is_called(0)) return 3;
  }
  return is_called_for_an_event() ? 0 : 4;
}

TEST(ConsoleHandler, OfTheHostIsSilentOnlyWhileStopRequestsAreTaken) {
  const ScratchFolder scratch;
  auto request =
      child_request("has_a_console_handler", {text::utf8(scratch / "state")});
  request.own_tree = true;  // with a console of its own
  EXPECT_EQ(run_child(std::move(request)).status.text(), "exit code 0");
}

}  // namespace
}  // namespace relaunch::test
