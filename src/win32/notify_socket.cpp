#include "common/os/notify_socket.hpp"

#include "common/base/text.hpp"

namespace relaunch::os {

bool has_notify_sockets() noexcept { return false; }

// None can be opened, so the rest is never asked for anything.
struct NotifySocket::Impl {};

NotifySocket::NotifySocket(std::shared_ptr<Impl> impl)
    : impl_(std::move(impl)) {}
NotifySocket::NotifySocket(NotifySocket&&) noexcept = default;
NotifySocket& NotifySocket::operator=(NotifySocket&&) noexcept = default;
NotifySocket::~NotifySocket() = default;

Result<NotifySocket> NotifySocket::open(boost::asio::io_context&,
                                        const std::filesystem::path& path,
                                        std::size_t) {
  return Error{make_error_code(errc::invalid_argument),
               text::cat("cannot open notify socket ", path,
                         ": this system has no such protocol, use a probe")};
}

void NotifySocket::start(OnDatagram) {}

void NotifySocket::drain() {}

}  // namespace relaunch::os
