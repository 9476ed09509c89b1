#include "control/raw_client.hpp"

#include <stdexcept>

#include "win32/win32.hpp"

namespace relaunch::test {

os::Handle open_raw(const std::string& address) {
  const std::wstring name = os::win32::wide(address);
  WaitNamedPipeW(name.c_str(), 20'000);
  os::Handle end{CreateFileW(name.c_str(), GENERIC_READ | GENERIC_WRITE, 0,
                             nullptr, OPEN_EXISTING, FILE_FLAG_OVERLAPPED,
                             nullptr)};
  if (!end) throw std::runtime_error("cannot connect to " + address);
  return end;
}

bool is_closed_by_peer(native_handle end) {
  const os::Handle event =
      os::win32::own(CreateEventW(nullptr, TRUE, FALSE, nullptr));
  char bytes[4096];
  for (;;) {
    OVERLAPPED reading{};
    reading.hEvent = event.get();
    DWORD got = 0;
    if (!ReadFile(end, bytes, sizeof bytes, &got, &reading)) {
      if (GetLastError() != ERROR_IO_PENDING) return true;
      const bool came =
          WaitForSingleObject(event.get(), 20'000) == WAIT_OBJECT_0;
      if (!came) CancelIoEx(end, &reading);
      const BOOL whole = GetOverlappedResult(end, &reading, &got, TRUE);
      if (!came) return false;
      if (!whole) return true;
    }
  }
}

}  // namespace relaunch::test
