// The least that it takes to give listeners to another process: what the
// library's handover is measured against.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/os/handle.hpp"
#include "common/os/process.hpp"

namespace relaunch::bench {

/// On a channel end that nobody else uses. All of these throw.
void write_bytes(native_handle end, std::string_view bytes);
std::string read_bytes(native_handle end, std::size_t size);

/// POSIX: SCM_RIGHTS, as many a message as the system takes. Windows:
/// WSADuplicateSocketW, and what it answers through the pipe.
void give_sockets(native_handle end, std::span<const native_socket> sockets,
                  const os::Process& receiver);
std::vector<os::Socket> take_sockets(native_handle end, std::size_t count);

}  // namespace relaunch::bench
