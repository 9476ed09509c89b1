#include "win32/transfer.hpp"

#include <cstring>
#include <utility>

#include "common/base/text.hpp"
#include "common/os/fault.hpp"
#include "common/os/listener.hpp"

namespace relaunch::os::win32 {

namespace {

constexpr char kSocket = 'S';
constexpr char kHandle = 'H';
constexpr std::size_t kSocketBytes = sizeof(WSAPROTOCOL_INFOW);
constexpr std::size_t kHandleBytes = 8;
static_assert(kSocketBytes == 628, "the wire format names this size");

Error malformed(std::string_view why) {
  return Error{make_error_code(errc::malformed_frame),
               text::cat("cannot adopt the handles of a frame: ", why)};
}

}  // namespace

GivenHandles& GivenHandles::operator=(GivenHandles&& other) noexcept {
  if (this == &other) return *this;
  take_back();
  process_ = other.process_;
  section_ = std::move(other.section_);
  values_ = std::exchange(other.values_, {});
  return *this;
}

Result<void> GivenHandles::add(const SendSocket& socket, ProcessId receiver) {
  WSAPROTOCOL_INFOW info{};
  // What the system has prepared in the receiver cannot be taken back before
  // the receiver has used it; when this frame fails, the receiver is ended.
  if (fault("handle.give") ||
      WSADuplicateSocketW(socket.socket, receiver, &info) != 0) {
    const std::error_code code = last_socket_error();
    return Error{code, text::cat("cannot give a socket to process ", receiver,
                                 ": WSADuplicateSocketW")};
  }
  section_ += kSocket;
  section_.append(reinterpret_cast<const char*>(&info), kSocketBytes);
  return {};
}

Result<void> GivenHandles::add(const SendHandle& handle) {
  HANDLE value = nullptr;
  if (handle.handle == nullptr || handle.handle == kNoHandle) {
    return failure("cannot give a handle away", ERROR_INVALID_HANDLE);
  }
  if (fault("handle.give") ||
      !DuplicateHandle(GetCurrentProcess(), handle.handle, process_, &value, 0,
                       FALSE, DUPLICATE_SAME_ACCESS)) {
    return failure("cannot give a handle away: DuplicateHandle");
  }
  values_.push_back(value);
  section_ += kHandle;
  const auto number =
      static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(value));
  for (std::size_t i = 0; i != kHandleBytes; ++i) {
    section_ += static_cast<char>(number >> (8 * i) & 0xff);
  }
  return {};
}

void GivenHandles::take_back() {
  for (const native_handle value : std::exchange(values_, {})) {
    DuplicateHandle(process_, value, nullptr, nullptr, 0, FALSE,
                    DUPLICATE_CLOSE_SOURCE);
  }
}

Result<GivenHandles> give(const Receiver& receiver,
                          const std::vector<Outgoing>& handles) {
  GivenHandles given{receiver.process};
  if (handles.empty()) return given;
  if (receiver.process == kNoHandle || handles.size() > protocol::kMaxHandles) {
    return Error{
        make_error_code(errc::invalid_argument),
        text::cat("cannot give ", handles.size(), " handles to process ",
                  receiver.id,
                  receiver.process == kNoHandle ? ": it is not known"
                                                : ": too many for one frame")};
  }
  for (const Outgoing& each : handles) {
    const auto* const socket = std::get_if<SendSocket>(&each);
    const auto added = socket != nullptr
                           ? given.add(*socket, receiver.id)
                           : given.add(*std::get_if<SendHandle>(&each));
    if (!added) return added.error();
  }
  return given;
}

namespace {

// Nothing is adopted unless the whole section has this form.
bool is_well_formed(std::string_view section, std::size_t count) {
  for (; count != 0; --count) {
    if (section.empty()) return false;
    const char kind = section.front();
    if (kind != kSocket && kind != kHandle) return false;
    const std::size_t size =
        1 + (kind == kSocket ? kSocketBytes : kHandleBytes);
    if (section.size() < size) return false;
    section.remove_prefix(size);
  }
  return section.empty();
}

Result<Incoming> adopt_socket(std::string_view entry) {
  if (auto started = start_sockets(); !started) return started.error();
  WSAPROTOCOL_INFOW info{};
  std::memcpy(&info, entry.data(), kSocketBytes);
  Socket socket{WSASocketW(FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO,
                           FROM_PROTOCOL_INFO, &info, 0,
                           WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT)};
  if (!socket || fault("handle.take")) {
    return Error{last_socket_error(), "cannot adopt a socket: WSASocketW"};
  }
  return Incoming{std::move(socket)};
}

Result<Incoming> adopt_handle(std::string_view entry) {
  std::uint64_t number = 0;
  for (std::size_t i = kHandleBytes; i-- != 0;) {
    number = number << 8 | static_cast<unsigned char>(entry[i]);
  }
  const auto handle =
      reinterpret_cast<native_handle>(static_cast<std::uintptr_t>(number));
  // Negative values are pseudo handles: this process, this thread, this token.
  DWORD flags = 0;
  if (static_cast<std::int64_t>(number) <= 0 ||
      !GetHandleInformation(handle, &flags)) {
    return malformed("a handle that is none");
  }
  return Incoming{Handle{handle}};
}

}  // namespace

Result<std::vector<Incoming>> adopt(std::string_view section,
                                    std::size_t count) {
  if (!is_well_formed(section, count)) {
    return malformed(text::cat("its handle section has ", section.size(),
                               " bytes that are not ", count, " handles"));
  }
  std::vector<Incoming> handles;
  std::optional<Error> failed;
  while (!section.empty()) {
    const bool socket = section.front() == kSocket;
    section.remove_prefix(1);
    auto incoming = socket ? adopt_socket(section) : adopt_handle(section);
    section.remove_prefix(socket ? kSocketBytes : kHandleBytes);
    // The rest is taken all the same: it is ours already, and to be closed.
    if (incoming) {
      handles.push_back(std::move(*incoming));
    } else if (!failed) {
      failed = incoming.error();
    }
  }
  if (failed) return *failed;
  return handles;
}

}  // namespace relaunch::os::win32
