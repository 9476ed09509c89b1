// What a frame's handle section says on Windows, and how its handles get there.
//
// One entry for each handle: 'S' and a WSAPROTOCOL_INFOW made for the receiver,
// or 'H' and the handle's value in the receiver, 8 bytes, little-endian.
// https://learn.microsoft.com/windows/win32/api/winsock2/nf-winsock2-wsaduplicatesocketw
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.hpp"
#include "common/os/channel.hpp"
#include "win32/win32.hpp"

namespace relaunch::os::win32 {

/// Borrowed; kNoHandle: not known.
struct Receiver {
  native_handle process = kNoHandle;
  ProcessId id = 0;
};

/// Handles that the receiver has already, though it does not know it yet.
/// Unless kept, they are closed there again.
class GivenHandles {
 public:
  GivenHandles() = default;
  explicit GivenHandles(native_handle process) : process_(process) {}
  GivenHandles(GivenHandles&& other) noexcept { *this = std::move(other); }
  GivenHandles& operator=(GivenHandles&& other) noexcept;
  ~GivenHandles() { take_back(); }

  const std::string& section() const { return section_; }
  Result<void> add(const SendSocket& socket, ProcessId receiver);
  Result<void> add(const SendHandle& handle);
  void keep() { values_.clear(); }
  void take_back();

 private:
  native_handle process_ = kNoHandle;
  std::string section_;
  std::vector<native_handle> values_;  // in the receiver
};

Result<GivenHandles> give(const Receiver& receiver,
                          const std::vector<Outgoing>& handles);

/// Owns what the section names. A section that is not exactly `count` entries,
/// or one handle that is none: everything that came is closed.
Result<std::vector<Incoming>> adopt(std::string_view section,
                                    std::size_t count);

}  // namespace relaunch::os::win32
