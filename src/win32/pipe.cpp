#include <array>
#include <atomic>
#include <memory>
#include <random>

#include "common/os/fault.hpp"
#include "win32/win32.hpp"

// It needs the types of windows.h.
#include <sddl.h>

namespace relaunch::os::win32 {

namespace {

struct FreeLocal {
  void operator()(void* memory) const { LocalFree(memory); }
};
using SecurityDescriptor = std::unique_ptr<void, FreeLocal>;

// "S-1-5-21-…" of the user this process runs as.
Result<std::wstring> own_user() {
  HANDLE raw = nullptr;
  if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &raw)) {
    return failure("cannot tell the user of this process: OpenProcessToken");
  }
  const Handle token{raw};
  alignas(TOKEN_USER) std::array<char, sizeof(TOKEN_USER) + 256> user{};
  DWORD size = 0;
  if (!GetTokenInformation(token.get(), TokenUser, user.data(),
                           static_cast<DWORD>(user.size()), &size)) {
    return failure("cannot tell the user of this process: GetTokenInformation");
  }
  wchar_t* text = nullptr;
  if (!ConvertSidToStringSidW(
          reinterpret_cast<TOKEN_USER*>(user.data())->User.Sid, &text)) {
    return failure(
        "cannot tell the user of this process: ConvertSidToStringSidW");
  }
  const std::unique_ptr<wchar_t, FreeLocal> freed{text};
  return std::wstring{text};
}

Result<SecurityDescriptor> owner_only() {
  auto user = own_user();
  if (!user) return user.error();
  PSECURITY_DESCRIPTOR descriptor = nullptr;
  if (!ConvertStringSecurityDescriptorToSecurityDescriptorW(
          (L"D:P(A;;GA;;;" + *user + L")").c_str(), SDDL_REVISION_1,
          &descriptor, nullptr)) {
    return failure(
        "cannot describe who may open a pipe: "
        "ConvertStringSecurityDescriptorToSecurityDescriptorW");
  }
  return SecurityDescriptor{descriptor};
}

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
  auto descriptor = owner_only();
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
