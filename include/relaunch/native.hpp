// What the operating system calls a handle and a socket, and which half of the
// header-only adapters belongs to it. This header and export.hpp are the only
// ones with a platform `#if`.
#pragma once

#include <cstdint>

namespace relaunch {

#if defined(_WIN32)
using native_handle = void*;           ///< HANDLE
using native_socket = std::uintptr_t;  ///< SOCKET
inline const native_handle kNoHandle =
    reinterpret_cast<void*>(std::intptr_t{-1});  ///< INVALID_HANDLE_VALUE
inline constexpr native_socket kNoSocket = ~native_socket{0};
#define RELAUNCH_ASIO_ACCEPTOR <relaunch/asio/win32_acceptor.hpp>
#define RELAUNCH_ASIO_STREAM <relaunch/asio/win32_stream.hpp>
#else
using native_handle = int;  ///< file descriptor
using native_socket = int;  ///< file descriptor
inline constexpr native_handle kNoHandle = -1;
inline constexpr native_socket kNoSocket = -1;
#define RELAUNCH_ASIO_ACCEPTOR <relaunch/asio/posix_acceptor.hpp>
#define RELAUNCH_ASIO_STREAM <relaunch/asio/posix_stream.hpp>
#endif

}  // namespace relaunch
