#include "common/os/endpoint.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstring>

#include "common/base/text.hpp"
#include "common/os/files.hpp"
#include "posix/posix.hpp"

namespace relaunch::os {

namespace {

namespace asio = boost::asio;
using text::cat;

constexpr char kSocketName[] = "control.sock";

/// Is there a descriptor again, or memory? Asked so often.
constexpr auto kRoomDelay = std::chrono::milliseconds{100};

Result<sockaddr_un> socket_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return Error{errc::invalid_argument,
                 cat("cannot use '", text::printable(path),
                     "' as a socket's path: it has ", path.size(),
                     " bytes, the limit is ", sizeof address.sun_path - 1)};
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

template <typename Call>
int with_address(const sockaddr_un& address, Call call) {
  return uninterrupted([&] {
    return call(reinterpret_cast<const sockaddr*>(&address), sizeof address);
  });
}

Error failure(std::string_view what, const std::string& path,
              std::string_view call) {
  const std::error_code code = last_error();
  return Error{code,
               cat("cannot ", what, " '", text::printable(path), "': ", call)};
}

Result<Handle> make_socket() {
  Handle socket{
      ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!socket) return Error{last_error(), "cannot make a unix socket: socket"};
  return socket;
}

// The kernel tells who connected, or who called listen(): unix(7), SO_PEERCRED.
Peer peer_of(int socket) {
  ucred who{};
  socklen_t size = sizeof who;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) return {};
  return {static_cast<ProcessId>(who.pid),
          who.uid == geteuid() || who.uid == 0};
}

// Kept until this process ends: nobody removes what another one has bound.
Result<Handle> take_lock(const fs::path& folder) {
  const std::string path = (folder / "lock").string();
  Handle lock{::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
                     S_IRUSR | S_IWUSR)};
  if (!lock) return failure("open", path, "open");
  if (uninterrupted([&] { return flock(lock.get(), LOCK_EX | LOCK_NB); }) ==
      0) {
    return lock;
  }
  if (errno != EWOULDBLOCK) return failure("lock", path, "flock");
  return Error{errc::busy, cat("another process serves '",
                               text::printable(folder.string()), "'")};
}

// What was left by a process that was killed. With the lock held nobody of
// ours serves it; an older program without a lock would answer.
Result<void> remove_stale(const std::string& path) {
  struct stat found {};
  if (lstat(path.c_str(), &found) != 0) {
    if (errno == ENOENT) return {};
    return failure("look at", path, "lstat");
  }
  if (!S_ISSOCK(found.st_mode) || found.st_uid != geteuid()) {
    return Error{std::make_error_code(std::errc::file_exists),
                 cat("cannot use '", text::printable(path),
                     "': it is no socket of this user")};
  }
  auto address = socket_address(path);
  auto probe = make_socket();
  if (!address) return address.error();
  if (!probe) return probe.error();
  const int connected =
      with_address(*address, [&](const sockaddr* to, socklen_t size) {
        return connect(probe->get(), to, size);
      });
  if (connected == 0 || errno == EAGAIN) {
    return Error{errc::busy,
                 cat("another process serves '", text::printable(path), "'")};
  }
  if (unlink(path.c_str()) != 0) return failure("remove", path, "unlink");
  return {};
}

struct Bound {
  Handle socket;
  std::string path;
  dev_t device = 0;
  ino_t inode = 0;
};

Result<Bound> bind_socket(const fs::path& folder) {
  Bound bound;
  bound.path = (folder / kSocketName).string();
  auto address = socket_address(bound.path);
  if (!address) return address.error();
  if (auto removed = remove_stale(bound.path); !removed) return removed.error();
  auto socket = make_socket();
  if (!socket) return socket.error();
  bound.socket = std::move(*socket);
  const int done =
      with_address(*address, [&](const sockaddr* to, socklen_t size) {
        return bind(bound.socket.get(), to, size);
      });
  if (done != 0) return failure("bind", bound.path, "bind");
  struct stat made {};
  if (chmod(bound.path.c_str(), S_IRUSR | S_IWUSR) != 0 ||
      lstat(bound.path.c_str(), &made) != 0) {
    const Error error = failure("protect", bound.path, "chmod");
    unlink(bound.path.c_str());
    return error;
  }
  bound.device = made.st_dev;
  bound.inode = made.st_ino;
  if (listen(bound.socket.get(), SOMAXCONN) != 0) {
    const Error error = failure("listen on", bound.path, "listen");
    unlink(bound.path.c_str());
    return error;
  }
  return bound;
}

}  // namespace

struct Endpoint::Impl : std::enable_shared_from_this<Impl> {
  Impl(asio::io_context& context, Bound&& what, Handle&& held, OnClient tell)
      : io(context),
        bound(std::move(what)),
        lock(std::move(held)),
        on_client(std::move(tell)),
        descriptor(context),
        room_timer(context) {
    descriptor.assign(bound.socket.release());
  }
  ~Impl() {
    struct stat now {};
    if (lstat(bound.path.c_str(), &now) == 0 && now.st_dev == bound.device &&
        now.st_ino == bound.inode) {
      unlink(bound.path.c_str());
    }
  }

  void wait() {
    descriptor.async_wait(
        asio::posix::descriptor_base::wait_read,
        [weak = weak_from_this()](const boost::system::error_code& failed) {
          if (const auto self = weak.lock(); self && !failed) self->accept();
        });
  }

  void accept() {
    for (;;) {
      Handle client{uninterrupted([&] {
        return accept4(descriptor.native_handle(), nullptr, nullptr,
                       SOCK_CLOEXEC | SOCK_NONBLOCK);
      })};
      if (!client) break;
      const Peer peer = peer_of(client.get());
      on_client(std::make_unique<Channel>(io, std::move(client)), peer);
      if (closed) return;
    }
    if (errno != EMFILE && errno != ENFILE && errno != ENOMEM &&
        errno != ENOBUFS) {
      return wait();
    }
    // It would be ready at once again, and again.
    room_timer.expires_after(kRoomDelay);
    room_timer.async_wait(
        [weak = weak_from_this()](const boost::system::error_code& failed) {
          if (const auto self = weak.lock(); self && !failed) self->wait();
        });
  }

  asio::io_context& io;
  Bound bound;
  Handle lock;
  OnClient on_client;
  asio::posix::stream_descriptor descriptor;
  asio::steady_timer room_timer;
  bool closed = false;
};

Endpoint::Endpoint(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Endpoint::~Endpoint() {
  impl_->closed = true;
  impl_->on_client = [](std::unique_ptr<Channel>, Peer) {};
}

Result<std::unique_ptr<Endpoint>> Endpoint::open(asio::io_context& io,
                                                 const fs::path& run_folder,
                                                 OnClient on_client) {
  if (auto made = make_private_folder(run_folder); !made) return made.error();
  auto lock = take_lock(run_folder);
  if (!lock) return lock.error();
  auto bound = bind_socket(run_folder);
  if (!bound) return bound.error();
  auto impl = std::make_shared<Impl>(io, std::move(*bound), std::move(*lock),
                                     std::move(on_client));
  impl->wait();
  return std::make_unique<Endpoint>(std::move(impl));
}

std::optional<fs::path> default_run_folder() {
  if (geteuid() == 0) return fs::path{"/run/relaunch"};
  const auto folder = environment_variable("XDG_RUNTIME_DIR");
  if (!folder || !fs::path{*folder}.is_absolute()) return {};
  return fs::path{*folder} / "relaunch";
}

std::string endpoint_address(const fs::path& run_folder) {
  return (run_folder / kSocketName).string();
}

Result<std::unique_ptr<Channel>> connect_endpoint(asio::io_context& io,
                                                  const std::string& address,
                                                  std::chrono::milliseconds) {
  auto target = socket_address(address);
  if (!target) return target.error();
  auto socket = make_socket();
  if (!socket) return socket.error();
  const int connected =
      with_address(*target, [&](const sockaddr* to, socklen_t size) {
        return connect(socket->get(), to, size);
      });
  if (connected != 0) return failure("connect to", address, "connect");
  if (!peer_of(socket->get()).trusted) {
    return Error{errc::not_permitted,
                 cat("cannot trust '", text::printable(address),
                     "': another user serves it")};
  }
  return std::make_unique<Channel>(io, std::move(*socket));
}

}  // namespace relaunch::os
