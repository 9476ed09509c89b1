#include <array>
#include <atomic>
#include <memory>
#include <random>

#include "common/os/fault.hpp"
#include "win32/access.hpp"

namespace relaunch::os::win32 {

namespace {

// Nobody can open what he cannot name before we have connected to it.
std::wstring unguessable_name() {
  static std::atomic<std::uint32_t> counter{0};
  std::random_device random;
  std::wstring name = L"\\\\.\\pipe\\relaunch-";
  name += std::to_wstring(GetCurrentProcessId());
  name += L'-' + std::to_wstring(++counter);
  for (int i = 0; i != 4; ++i) name += L'-' + std::to_wstring(random());
  return name;
}

}  // namespace

Result<PipePair> make_pipe(DWORD access, DWORD client_flags, DWORD buffer) {
  auto descriptor = only_for(Openers::owner);
  if (!descriptor) return descriptor.error();
  SECURITY_ATTRIBUTES security{sizeof security, descriptor->get(), FALSE};
  const std::wstring name = unguessable_name();
  if (fault(access == PIPE_ACCESS_DUPLEX ? "channel.pair" : "output.open")) {
    return failure("cannot make a pipe: CreateNamedPipeW");
  }
  PipePair pair;
  pair.server = Handle{CreateNamedPipeW(
      name.c_str(),
      access | FILE_FLAG_OVERLAPPED | FILE_FLAG_FIRST_PIPE_INSTANCE,
      PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT |
          PIPE_REJECT_REMOTE_CLIENTS,
      1, buffer, buffer, 0, &security)};
  if (!pair.server) return failure("cannot make a pipe: CreateNamedPipeW");
  const DWORD rights = access == PIPE_ACCESS_DUPLEX
                           ? GENERIC_READ | GENERIC_WRITE
                           : GENERIC_WRITE | FILE_READ_ATTRIBUTES;
  // Identification: should it be another's pipe after all, it cannot act as us.
  pair.client = Handle{CreateFileW(
      name.c_str(), rights, 0, nullptr, OPEN_EXISTING,
      client_flags | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION, nullptr)};
  if (!pair.client) return failure("cannot make a pipe: CreateFileW");
  return pair;
}

}  // namespace relaunch::os::win32
