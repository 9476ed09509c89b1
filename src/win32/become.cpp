#include "common/os/become.hpp"

#include <charconv>
#include <cstdint>

#include "common/base/text.hpp"
#include "common/os/process.hpp"
#include "common/os/system.hpp"
#include "win32/kept_sockets.hpp"
#include "win32/win32.hpp"

namespace relaunch::os {
namespace {

/// The number of an event that the other one has inherited.
constexpr std::string_view kPredecessor = "RELAUNCH_PREDECESSOR";
constexpr DWORD kEndDeadline = 5'000;

/// Until it has said that it has taken over; or why it has not.
Result<void> await_word(Process& process, HANDLE word,
                        std::chrono::milliseconds deadline) {
  const HANDLE either[] = {word, process.handle()};
  const auto answer = ::WaitForMultipleObjects(
      2, either, FALSE, static_cast<DWORD>(deadline.count()));
  if (answer == WAIT_OBJECT_0) return {};
  if (answer == WAIT_OBJECT_0 + 1) {
    return Error{errc::successor_exited,
                 text::cat("the other build did not take over: ",
                           process.exit_status().text())};
  }
  if (auto killed = process.kill(); !killed) return killed;
  (void)::WaitForSingleObject(process.handle(), kEndDeadline);
  return Error{make_error_code(std::errc::timed_out),
               "the other build did not take over, and was ended"};
}

Error start_and_await(const std::filesystem::path& executable,
                      const std::vector<std::string>& arguments,
                      const std::vector<PassedSocket>& sockets,
                      std::chrono::milliseconds deadline,
                      const std::vector<PassedHandle>& handles) {
  const Handle word = win32::own(::CreateEventW(nullptr, TRUE, FALSE, nullptr));
  if (!word) return win32::failure("cannot wait for a process: CreateEventW");
  LaunchRequest request;
  request.executable = executable;
  request.arguments = arguments;
  request.environment = own_environment();
  request.handles = handles;
  request.handles.push_back({std::string{kPredecessor}, word.get()});
  for (const PassedSocket& passed : sockets) {
    request.listeners.push_back({passed.name, passed.socket.get()});
  }
  auto launched = launch(request);
  if (!launched) return launched.error();
  if (auto taken = await_word(*launched, word.get(), deadline); !taken) {
    return taken.error();
  }
  ::ExitProcess(0);
}

}  // namespace

// Both have the sockets until the word has come: what one process closes, the
// other one keeps.
Error become(const std::filesystem::path& executable,
             const std::vector<std::string>& arguments,
             std::vector<PassedSocket> sockets,
             std::chrono::milliseconds deadline,
             const std::vector<PassedHandle>& handles) {
  Error failed =
      start_and_await(executable, arguments, sockets, deadline, handles);
  win32::keep_passed_sockets(std::move(sockets));
  return failed;
}

bool become_stays_this_process() { return false; }

Predecessor Predecessor::find() {
  Predecessor predecessor;
  const auto number = environment_variable(kPredecessor);
  unset_environment_variable(kPredecessor);
  std::uintptr_t handle = 0;
  if (number &&
      std::from_chars(number->data(), number->data() + number->size(), handle)
              .ec == std::errc{}) {
    predecessor.told_ =
        Handle{reinterpret_cast<HANDLE>(handle)};  // NOLINT: as it was passed
  }
  return predecessor;
}

void Predecessor::release() {
  if (told_) (void)::SetEvent(told_.get());
  told_.reset();
}

}  // namespace relaunch::os
