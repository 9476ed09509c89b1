#include "posix/message.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "common/os/fault.hpp"
#include "posix/posix.hpp"

namespace relaunch::os {
namespace {

// Linux: SCM_MAX_FD; a sender cannot put more into one message.
constexpr std::size_t kMaxPerMessage = 253;

union ControlSpace {
  char bytes[CMSG_SPACE(kMaxPerMessage * sizeof(int))];
  cmsghdr align;
};

// Takes what came into ownership before anything else can go wrong.
void take_handles(msghdr& message, std::deque<Handle>& handles) {
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
      continue;
    }
    const unsigned char* data = CMSG_DATA(header);
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int number = -1;
      std::memcpy(&number, data + i * sizeof(int), sizeof number);
      handles.emplace_back(number);
    }
  }
}

}  // namespace

ssize_t send_message(int socket, std::string_view bytes,
                     std::span<const int> handles) {
  ControlSpace control = {};
  iovec piece{const_cast<char*>(bytes.data()), bytes.size()};
  msghdr message = {};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  if (handles.size() > kMaxPerMessage) {
    errno = EINVAL;
    return -1;
  }
  if (!handles.empty()) {
    message.msg_control = control.bytes;
    message.msg_controllen = CMSG_SPACE(handles.size_bytes());
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(handles.size_bytes());
    std::memcpy(CMSG_DATA(header), handles.data(), handles.size_bytes());
  }
  if (fault(handles.empty() ? "channel.send" : "handle.give")) return -1;
  return uninterrupted(
      [&] { return ::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT); });
}

// A plain read would drop descriptors silently, so only recvmsg is used.
ssize_t receive_message(int socket, std::span<char> buffer,
                        std::deque<Handle>& handles, bool& truncated) {
  if (fault("channel.receive")) return -1;
  ControlSpace control = {};
  iovec piece{buffer.data(), buffer.size()};
  msghdr message = {};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes;
  message.msg_controllen = sizeof control.bytes;
  const ssize_t size = uninterrupted([&] {
    return ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  });
  const int kept = errno;
  if (size >= 0) take_handles(message, handles);
  truncated = size >= 0 && ((message.msg_flags & MSG_CTRUNC) != 0 ||
                            (!handles.empty() && fault("handle.take")));
  errno = kept;
  return size;
}

}  // namespace relaunch::os
