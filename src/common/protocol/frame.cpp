#include "common/protocol/frame.hpp"

#include <utility>

#include "common/base/text.hpp"

namespace relaunch::protocol {
namespace {

template <typename Number>
void put(std::string& out, Number value) {
  for (std::size_t i = 0; i < sizeof(Number); ++i) {
    out += static_cast<char>((value >> (8 * i)) & 0xFF);
  }
}

template <typename Number>
Number take(std::string_view& bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < sizeof(Number); ++i) {
    value |= std::uint32_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  }
  bytes.remove_prefix(sizeof(Number));
  return static_cast<Number>(value);
}

Error malformed(std::string context) {
  return Error{errc::malformed_frame, std::move(context)};
}

Result<void> check(const Header& header, std::uint32_t reserved) {
  const struct {
    const char* what;
    std::size_t is;
    std::size_t limit;
  } rules[] = {
      {"handles", header.handles, kMaxHandles},
      {"bytes of head", header.head_bytes, kMaxHeadBytes},
      {"bytes of body", header.body_bytes, kMaxBodyBytes},
      {"bytes for handles", header.transfer_bytes, kMaxTransferBytes},
  };
  for (const auto& rule : rules) {
    if (rule.is > rule.limit) {
      return malformed(text::cat("a frame announces ", rule.is, ' ', rule.what,
                                 ", the limit is ", rule.limit));
    }
  }
  if (header.handles == 0 && header.transfer_bytes != 0) {
    return malformed("a frame has bytes for handles and no handles");
  }
  if (reserved != 0) return malformed("a frame's reserved bytes are not zero");
  return {};
}

}  // namespace

std::string encode(const Frame& frame) {
  std::string out;
  out.reserve(kHeaderBytes + frame.head.size() + frame.body.size() +
              frame.transfer.size());
  put(out, kMagic);
  put(out, kFrameVersion);
  put(out, frame.handles);
  put(out, static_cast<std::uint32_t>(frame.head.size()));
  put(out, static_cast<std::uint32_t>(frame.body.size()));
  put(out, static_cast<std::uint32_t>(frame.transfer.size()));
  put(out, std::uint32_t{0});
  out += frame.head;
  out += frame.body;
  out += frame.transfer;
  return out;
}

Result<Header> decode_header(std::string_view bytes) {
  if (bytes.size() != kHeaderBytes) {
    return malformed(text::cat("a frame's header has ", bytes.size(),
                               " bytes, not ", kHeaderBytes));
  }
  if (take<std::uint32_t>(bytes) != kMagic) {
    return malformed("the bytes do not begin like a frame");
  }
  const auto version = take<std::uint16_t>(bytes);
  if (version != kFrameVersion) {
    return Error{errc::version_mismatch,
                 text::cat("the frame has version ", version, ", this is ",
                           kFrameVersion)};
  }
  Header header;
  header.handles = take<std::uint16_t>(bytes);
  header.head_bytes = take<std::uint32_t>(bytes);
  header.body_bytes = take<std::uint32_t>(bytes);
  header.transfer_bytes = take<std::uint32_t>(bytes);
  const auto fine = check(header, take<std::uint32_t>(bytes));
  if (!fine) return fine.error();
  return header;
}

void FrameReader::append(std::string_view bytes) { buffer_ += bytes; }

Result<std::optional<Frame>> FrameReader::next() {
  std::string_view bytes = buffer_;
  if (!header_) {
    if (bytes.size() < kHeaderBytes) return std::optional<Frame>{};
    const auto header = decode_header(bytes.substr(0, kHeaderBytes));
    if (!header) return header.error();
    header_ = *header;
  }
  const std::size_t whole = kHeaderBytes + header_->payload_bytes();
  if (bytes.size() < whole) return std::optional<Frame>{};
  bytes.remove_prefix(kHeaderBytes);
  const auto cut = [&bytes](std::size_t size) {
    const std::string part{bytes.substr(0, size)};
    bytes.remove_prefix(size);
    return part;
  };
  Frame frame;
  frame.handles = header_->handles;
  frame.head = cut(header_->head_bytes);
  frame.body = cut(header_->body_bytes);
  frame.transfer = cut(header_->transfer_bytes);
  buffer_.erase(0, whole);
  header_.reset();
  return std::optional<Frame>{std::move(frame)};
}

}  // namespace relaunch::protocol
