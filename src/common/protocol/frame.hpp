// The frame: what the channel carries. Bytes in, bytes out; no I/O.
// Grammar and limits: docs/protocol.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.hpp"

namespace relaunch::protocol {

inline constexpr std::uint32_t kMagic = 0x31484c52;  // "RLH1", little-endian
inline constexpr std::uint16_t kFrameVersion = 1;
inline constexpr std::size_t kHeaderBytes = 24;
inline constexpr std::size_t kMaxHeadBytes = 64 * 1024;
inline constexpr std::size_t kMaxBodyBytes = 1024 * 1024;
inline constexpr std::size_t kMaxHandles = 250;  // Linux: SCM_MAX_FD is 253
inline constexpr std::size_t kMaxTransferBytes = kMaxHandles * 1024;

/// magic u32 · version u16 · handles u16 · head u32 · body u32 · transfer u32
/// · reserved u32 (zero); little-endian.
struct Header {
  std::uint16_t handles = 0;         ///< how many handles belong to the frame
  std::uint32_t head_bytes = 0;      ///< JSON
  std::uint32_t body_bytes = 0;      ///< binary, meaning given by the head
  std::uint32_t transfer_bytes = 0;  ///< what the system needs for the handles

  std::size_t payload_bytes() const {
    return std::size_t{head_bytes} + body_bytes + transfer_bytes;
  }
  bool operator==(const Header&) const = default;
};

struct Frame {
  std::string head;
  std::string body;
  /// Filled by the channel when it sends, consumed by it when it receives.
  std::string transfer;
  std::uint16_t handles = 0;

  bool operator==(const Frame&) const = default;
};

std::string encode(const Frame& frame);

/// `bytes` is exactly kHeaderBytes long. errc::malformed_frame: wrong magic or
/// reserved bits, or a length over its limit; errc::version_mismatch: another
/// frame version.
Result<Header> decode_header(std::string_view bytes);

/// Cuts frames out of a stream of bytes, however they arrive.
class FrameReader {
 public:
  void append(std::string_view bytes);
  /// The next whole frame, nothing if more bytes are needed, or the error that
  /// makes the rest of the stream meaningless.
  Result<std::optional<Frame>> next();
  /// Bytes of a frame that has begun but not ended.
  std::size_t pending_bytes() const { return buffer_.size(); }

 private:
  std::string buffer_;
  std::optional<Header> header_;
};

}  // namespace relaunch::protocol
