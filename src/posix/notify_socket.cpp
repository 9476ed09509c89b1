#include "common/os/notify_socket.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstring>
#include <string>
#include <vector>

#include "common/base/text.hpp"
#include "posix/posix.hpp"

namespace relaunch::os {

bool has_notify_sockets() noexcept { return true; }

namespace asio = boost::asio;

namespace {

using text::cat;

// One sender must not keep the thread: the rest waits for the next turn.
constexpr int kMaxAtOnce = 64;
// Linux: SCM_MAX_FD.
constexpr std::size_t kMaxDescriptors = 253;

union ControlSpace {
  char bytes[CMSG_SPACE(kMaxDescriptors * sizeof(int)) +
             CMSG_SPACE(sizeof(ucred))];
  cmsghdr align;
};

struct Sender {
  ProcessId id = 0;
  std::vector<Handle> handles;
};

// Takes what came along, so that it is closed whatever the datagram says.
Sender sender_of(msghdr& message) {
  Sender sender;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET) continue;
    const unsigned char* const data = CMSG_DATA(header);
    if (header->cmsg_type == SCM_CREDENTIALS) {
      ucred credentials = {};
      std::memcpy(&credentials, data, sizeof credentials);
      sender.id = static_cast<ProcessId>(credentials.pid);
    } else if (header->cmsg_type == SCM_RIGHTS) {
      const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      for (std::size_t i = 0; i < count; ++i) {
        int number = -1;
        std::memcpy(&number, data + i * sizeof(int), sizeof number);
        sender.handles.emplace_back(number);
      }
    }
  }
  return sender;
}

Result<Handle> open_socket(const std::filesystem::path& path) {
  const auto failed = [&path](const char* call) {
    return Error{last_error(),
                 cat("cannot open notify socket ", path, ": ", call)};
  };
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  const std::string name = path.string();
  if (name.size() >= sizeof address.sun_path) {
    return Error{
        make_error_code(std::errc::filename_too_long),
        cat("cannot open notify socket ", path, ": the path has ", name.size(),
            " bytes, limit is ", sizeof address.sun_path - 1)};
  }
  std::memcpy(address.sun_path, name.c_str(), name.size() + 1);
  Handle socket{
      ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!socket) return failed("socket");
  const int on = 1;
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on) !=
      0) {
    return failed("SO_PASSCRED");
  }
  ::unlink(name.c_str());
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address),
             sizeof address) != 0) {
    return failed("bind");
  }
  return socket;
}

}  // namespace

// A pending wait holds it weakly: when its owner lets go, nothing is called.
struct NotifySocket::Impl : std::enable_shared_from_this<Impl> {
  Impl(asio::io_context& io, Handle socket, std::filesystem::path name,
       std::size_t limit)
      : descriptor(io, socket.release()),
        path(std::move(name)),
        buffer(limit + 1) {}
  ~Impl() { ::unlink(path.c_str()); }

  void wait() {
    descriptor.async_wait(
        asio::posix::stream_descriptor::wait_read,
        [weak = weak_from_this()](boost::system::error_code failure) {
          const auto self = weak.lock();
          if (!self || failure) return;
          self->read_some();
          self->wait();
        });
  }

  void read_some() {
    const auto self = shared_from_this();  // the callback may let go
    for (int i = 0; i < kMaxAtOnce && read_one(); ++i) {
    }
  }

  bool read_one() {
    ControlSpace control = {};
    iovec piece{buffer.data(), buffer.size()};
    msghdr message = {};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof control.bytes;
    const ssize_t size = uninterrupted([&] {
      return ::recvmsg(descriptor.native_handle(), &message,
                       MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    });
    if (size < 0) return false;
    const Sender sender = sender_of(message);
    if (on_datagram && weak_from_this().use_count() > 1) {
      on_datagram(sender.id, {buffer.data(), static_cast<std::size_t>(size)});
    }
    return true;
  }

  asio::posix::stream_descriptor descriptor;
  std::filesystem::path path;
  std::vector<char> buffer;
  OnDatagram on_datagram;
};

NotifySocket::NotifySocket(std::shared_ptr<Impl> impl)
    : impl_(std::move(impl)) {}
NotifySocket::NotifySocket(NotifySocket&&) noexcept = default;
NotifySocket& NotifySocket::operator=(NotifySocket&&) noexcept = default;
NotifySocket::~NotifySocket() = default;

Result<NotifySocket> NotifySocket::open(asio::io_context& io,
                                        const std::filesystem::path& path,
                                        std::size_t limit) {
  auto socket = open_socket(path);
  if (!socket) return socket.error();
  return NotifySocket{
      std::make_shared<Impl>(io, std::move(*socket), path, limit)};
}

void NotifySocket::start(OnDatagram on_datagram) {
  impl_->on_datagram = std::move(on_datagram);
  impl_->wait();
}

void NotifySocket::drain() { impl_->read_some(); }

}  // namespace relaunch::os
