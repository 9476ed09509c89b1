#include "common/os/endpoint.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/windows/object_handle.hpp>
#include <list>

#include "common/base/text.hpp"
#include "common/os/files.hpp"
#include "win32/access.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace relaunch::os {

namespace {

namespace asio = boost::asio;
using text::cat;
using win32::failure;

/// So many clients find an end at the same moment; more wait a little.
constexpr int kWaitingEnds = 8;
constexpr DWORD kBuffer = 64 * 1024;
constexpr auto kRoomDelay = std::chrono::milliseconds{100};

// Without sharing: whoever has it open is the one instance.
Result<Handle> take_lock(const fs::path& folder) {
  const fs::path path = folder / "lock";
  Handle lock{CreateFileW(path.c_str(), GENERIC_READ | GENERIC_WRITE, 0,
                          nullptr, OPEN_ALWAYS, FILE_ATTRIBUTE_NORMAL,
                          nullptr)};
  if (lock) return lock;
  const DWORD code = GetLastError();
  if (code != ERROR_SHARING_VIOLATION) {
    return failure(cat("cannot open '", text::printable(text::utf8(path)),
                       "': CreateFileW"),
                   code);
  }
  return Error{errc::busy, cat("another process serves '",
                               text::printable(text::utf8(folder)), "'")};
}

Result<Handle> make_end(const std::string& address, bool first) {
  auto allowed = win32::only_for(win32::Openers::trusted);
  if (!allowed) return allowed.error();
  SECURITY_ATTRIBUTES security{sizeof security, allowed->get(), FALSE};
  Handle end{CreateNamedPipeW(win32::wide(address).c_str(),
                              PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED |
                                  (first ? FILE_FLAG_FIRST_PIPE_INSTANCE : 0),
                              PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT |
                                  PIPE_REJECT_REMOTE_CLIENTS,
                              PIPE_UNLIMITED_INSTANCES, kBuffer, kBuffer, 0,
                              &security)};
  if (end) return end;
  const DWORD code = GetLastError();
  if (first && code == ERROR_ACCESS_DENIED) {
    return Error{errc::busy, cat("another process serves '",
                                 text::printable(address), "'")};
  }
  return failure(
      cat("cannot serve '", text::printable(address), "': CreateNamedPipeW"),
      code);
}

}  // namespace

// An end must never have been on a completion port before the Channel gets it:
// so its connection is waited for by an event whose handle has the low bit set.
struct Endpoint::Impl : std::enable_shared_from_this<Impl> {
  struct Waiting {
    explicit Waiting(asio::io_context& io) : connected(io) {}
    Handle end;
    OVERLAPPED overlapped{};
    asio::windows::object_handle connected;
  };
  using Iterator = std::list<Waiting>::iterator;

  Impl(asio::io_context& context, std::string where, Handle&& held,
       OnClient tell)
      : io(context),
        address(std::move(where)),
        lock(std::move(held)),
        on_client(std::move(tell)),
        room_timer(context) {}

  ~Impl() {
    for (Waiting& each : ends) {
      if (!each.end) continue;
      // The system writes into `overlapped` until it says that it is done.
      CancelIoEx(each.end.get(), &each.overlapped);
      DWORD ignored = 0;
      GetOverlappedResult(each.end.get(), &each.overlapped, &ignored, TRUE);
    }
  }

  Result<void> add(bool first) {
    auto end = make_end(address, first);
    if (!end) return end.error();
    const Iterator at = ends.emplace(ends.end(), io);
    at->end = std::move(*end);
    HANDLE event = CreateEventW(nullptr, TRUE, FALSE, nullptr);
    boost::system::error_code failed;
    if (event != nullptr) at->connected.assign(event, failed);
    if (event == nullptr || failed) {
      ends.erase(at);
      return failure("cannot wait for a client: CreateEventW");
    }
    at->overlapped.hEvent = reinterpret_cast<HANDLE>(
        reinterpret_cast<ULONG_PTR>(event) | ULONG_PTR{1});
    if (!ConnectNamedPipe(at->end.get(), &at->overlapped)) {
      const DWORD code = GetLastError();
      // Somebody opened it between its making and this call.
      if (code == ERROR_PIPE_CONNECTED) {
        SetEvent(event);
      } else if (code != ERROR_IO_PENDING) {
        at->end.reset();
        ends.erase(at);
        return failure("cannot wait for a client: ConnectNamedPipe", code);
      }
    }
    at->connected.async_wait(
        [weak = weak_from_this(), at](const boost::system::error_code& wrong) {
          if (const auto self = weak.lock(); self && !wrong) self->accept(at);
        });
    return {};
  }

  void accept(Iterator at) {
    Handle end = std::move(at->end);
    // Its wait is what is calling.
    auto old = std::make_shared<std::list<Waiting>>();
    old->splice(old->end(), ends, at);
    asio::post(io, [old] {});
    refill();
    ULONG pid = 0;
    if (!GetNamedPipeClientProcessId(end.get(), &pid)) return;
    const Peer peer{pid, win32::is_trusted(pid)};
    on_client(std::make_unique<Channel>(io, std::move(end)), peer);
  }

  void refill() {
    while (ends.size() < kWaitingEnds) {
      if (add(false)) continue;
      room_timer.expires_after(kRoomDelay);
      room_timer.async_wait(
          [weak = weak_from_this()](const boost::system::error_code& wrong) {
            if (const auto self = weak.lock(); self && !wrong) self->refill();
          });
      return;
    }
  }

  asio::io_context& io;
  std::string address;
  Handle lock;
  OnClient on_client;
  std::list<Waiting> ends;
  asio::steady_timer room_timer;
};

Endpoint::Endpoint(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Endpoint::~Endpoint() {
  impl_->on_client = [](std::unique_ptr<Channel>, Peer) {};
}

Result<std::unique_ptr<Endpoint>> Endpoint::open(asio::io_context& io,
                                                 const fs::path& run_folder,
                                                 OnClient on_client) {
  if (auto made = make_private_folder(run_folder); !made) return made.error();
  auto lock = take_lock(run_folder);
  if (!lock) return lock.error();
  auto impl = std::make_shared<Impl>(io, endpoint_address(run_folder),
                                     std::move(*lock), std::move(on_client));
  if (auto first = impl->add(true); !first) return first.error();
  impl->refill();
  return std::make_unique<Endpoint>(std::move(impl));
}

std::optional<fs::path> default_run_folder() { return {}; }

std::string endpoint_address(const fs::path& run_folder) {
  const std::string path = text::utf8(run_folder.lexically_normal());
  constexpr std::string_view kDigits = "0123456789abcdef";
  auto hash = XXH3_64bits(path.data(), path.size());
  std::string name = "\\\\.\\pipe\\relaunch-";
  for (int i = 0; i != 16; ++i, hash >>= 4) name += kDigits[hash & 15];
  return name;
}

Result<std::unique_ptr<Channel>> connect_endpoint(
    asio::io_context& io, const std::string& address,
    std::chrono::milliseconds patience) {
  const std::wstring name = win32::wide(address);
  const auto until = std::chrono::steady_clock::now() + patience;
  for (;;) {
    // Identification: should it be another's pipe after all, it cannot act as
    // us.
    Handle end{CreateFileW(
        name.c_str(), GENERIC_READ | GENERIC_WRITE, 0, nullptr, OPEN_EXISTING,
        FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION,
        nullptr)};
    if (end) {
      ULONG server = 0;
      if (!GetNamedPipeServerProcessId(end.get(), &server) ||
          !win32::is_trusted(server)) {
        return Error{errc::not_permitted,
                     cat("cannot trust '", text::printable(address),
                         "': another user serves it")};
      }
      return std::make_unique<Channel>(io, std::move(end));
    }
    const DWORD code = GetLastError();
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        until - std::chrono::steady_clock::now());
    if (code != ERROR_PIPE_BUSY || left.count() <= 0) {
      return failure(cat("cannot connect to '", text::printable(address),
                         "': CreateFileW"),
                     code);
    }
    WaitNamedPipeW(name.c_str(), static_cast<DWORD>(left.count()));
  }
}

}  // namespace relaunch::os
