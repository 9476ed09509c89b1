#include "raw_handover.hpp"

#include <cstring>
#include <stdexcept>
#include <system_error>

#include "common/os/listener.hpp"
#include "common/os/system.hpp"
#include "win32/win32.hpp"

namespace relaunch::bench {
namespace {

constexpr std::size_t kInfoBytes = sizeof(WSAPROTOCOL_INFOW);
constexpr std::size_t kPerWrite = 250;

[[noreturn]] void fail(const char* what) {
  throw std::system_error(os::last_error(), what);
}

/// A channel end is overlapped: begins, then waits for the end.
template <typename Call>
DWORD finish(native_handle end, Call call) {
  const os::Handle event{CreateEventW(nullptr, TRUE, FALSE, nullptr)};
  OVERLAPPED overlapped{};
  overlapped.hEvent = event.get();
  if (!call(&overlapped) && GetLastError() != ERROR_IO_PENDING) fail("pipe");
  DWORD size = 0;
  if (!GetOverlappedResult(end, &overlapped, &size, TRUE)) fail("pipe");
  return size;
}

}  // namespace

void write_bytes(native_handle end, std::string_view bytes) {
  while (!bytes.empty()) {
    bytes.remove_prefix(finish(end, [&](OVERLAPPED* overlapped) {
      return WriteFile(end, bytes.data(), static_cast<DWORD>(bytes.size()),
                       nullptr, overlapped);
    }));
  }
}

std::string read_bytes(native_handle end, std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t at = 0; at < size;) {
    at += finish(end, [&](OVERLAPPED* overlapped) {
      return ReadFile(end, bytes.data() + at, static_cast<DWORD>(size - at),
                      nullptr, overlapped);
    });
  }
  return bytes;
}

void give_sockets(native_handle end, std::span<const native_socket> sockets,
                  const os::Process& receiver) {
  std::string bytes;
  for (std::size_t i = 0; i < sockets.size(); ++i) {
    WSAPROTOCOL_INFOW info{};
    if (WSADuplicateSocketW(sockets[i], receiver.id(), &info) != 0) {
      fail("WSADuplicateSocketW");
    }
    bytes.append(reinterpret_cast<const char*>(&info), kInfoBytes);
    if ((i + 1) % kPerWrite != 0 && i + 1 < sockets.size()) continue;
    write_bytes(end, bytes);
    bytes.clear();
  }
}

std::vector<os::Socket> take_sockets(native_handle end, std::size_t count) {
  os::start_sockets().value();
  std::vector<os::Socket> sockets;
  while (sockets.size() < count) {
    const std::string bytes = read_bytes(end, kInfoBytes);
    WSAPROTOCOL_INFOW info{};
    std::memcpy(&info, bytes.data(), kInfoBytes);
    sockets.emplace_back(
        WSASocketW(FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO,
                   &info, 0, WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT));
    if (!sockets.back()) fail("WSASocketW");
  }
  return sockets;
}

}  // namespace relaunch::bench
