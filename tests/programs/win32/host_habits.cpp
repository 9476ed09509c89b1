#include "programs/host_habits.hpp"

#include <vector>

#include "common/os/handle.hpp"
#include "programs/host_threads.hpp"
#include "win32/win32.hpp"

namespace relaunch::test {
namespace {

// The system calls it on a thread of its own.
BOOL WINAPI say_event(DWORD event) {
  std::fprintf(output(), "own handler: console event %lu\n", event);
  std::fflush(output());
  return TRUE;
}

// The C runtime goes on writing to what it had.
void close_streams() {
  for (const DWORD stream :
       {STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE}) {
    SetStdHandle(stream, nullptr);
  }
  FreeConsole();
}

}  // namespace

struct HostHabits::Impl {
  HostThreads threads;
};

HostHabits::HostHabits(const Recipe& recipe) : impl_(std::make_unique<Impl>()) {
  if (find(recipe, "streams") != nullptr) close_streams();
  if (find(recipe, "signals") != nullptr) {
    SetConsoleCtrlHandler(say_event, TRUE);
  }
  for (int i = 0; i < number(recipe, "threads"); ++i) {
    impl_->threads.add(std::chrono::milliseconds(1), renew_inheritable_handles);
  }
}

HostHabits::~HostHabits() = default;

std::string HostHabits::signals() const { return "unchanged"; }

std::FILE* output() { return stdout; }

std::string inherited_signals() { return "none"; }

void renew_inheritable_handles() {
  SECURITY_ATTRIBUTES inheritable{sizeof inheritable, nullptr, TRUE};
  thread_local std::vector<os::Handle> held;
  thread_local os::Socket socket;
  std::vector<os::Handle> fresh;
  fresh.emplace_back(CreateFileW(L"NUL", GENERIC_READ,
                                 FILE_SHARE_READ | FILE_SHARE_WRITE,
                                 &inheritable, OPEN_EXISTING, 0, nullptr));
  HANDLE ends[2] = {};
  if (CreatePipe(&ends[0], &ends[1], &inheritable, 0)) {
    for (const HANDLE end : ends) fresh.emplace_back(end);
  }
  held.swap(fresh);
  socket = os::Socket{WSASocketW(AF_INET, SOCK_STREAM, IPPROTO_TCP, nullptr, 0,
                                 WSA_FLAG_OVERLAPPED)};
}

}  // namespace relaunch::test
