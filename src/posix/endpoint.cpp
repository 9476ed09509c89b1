#include "common/os/endpoint.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/base/text.hpp"
#include "common/os/files.hpp"
#include "posix/posix.hpp"
#include "posix/unix_path.hpp"

namespace relaunch::os {

namespace {

namespace asio = boost::asio;
using text::cat;

constexpr char kSocketName[] = "control.sock";

/// Is there a descriptor again, or memory? Asked so often.
constexpr auto kRoomDelay = std::chrono::milliseconds{100};

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
  auto lock = lock_file((folder / "lock").string());
  if (!lock) return lock.error();
  if (*lock) return std::move(**lock);
  return Error{errc::busy, cat("another process serves '",
                               text::printable(folder.string()), "'")};
}

// What was left by a process that was killed. With the lock held nobody of
// ours serves it; an older program without a lock would answer.
Result<void> make_room(const std::string& path) {
  const auto free = remove_stale(path, SOCK_STREAM, Whose::this_users);
  if (!free) return free.error();
  if (*free) return {};
  return Error{errc::busy,
               cat("another process serves '", text::printable(path), "'")};
}

struct Bound {
  Handle socket;
  std::string path;
  std::string file;  ///< file_at(path)
};

Result<Bound> bind_socket(const fs::path& folder) {
  Bound bound;
  bound.path = (folder / kSocketName).string();
  auto address = unix_address(bound.path);
  if (!address) return address.error();
  if (auto made = make_room(bound.path); !made) return made.error();
  auto socket = make_socket();
  if (!socket) return socket.error();
  bound.socket = std::move(*socket);
  const int done =
      with_address(*address, [&](const sockaddr* to, socklen_t size) {
        return bind(bound.socket.get(), to, size);
      });
  if (done != 0) return failure("bind", bound.path, "bind");
  bound.file = file_at(bound.path);
  if (chmod(bound.path.c_str(), S_IRUSR | S_IWUSR) != 0) {
    const Error error = failure("protect", bound.path, "chmod");
    unlink(bound.path.c_str());
    return error;
  }
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
  ~Impl() { remove_file_at(bound.path, bound.file); }

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
  auto target = unix_address(address);
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
