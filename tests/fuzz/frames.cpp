#include <optional>
#include <random>
#include <vector>

#include "common/protocol/frame.hpp"
#include "fuzz/properties.hpp"

namespace relaunch::fuzz {
namespace {

using protocol::Frame;
using protocol::FrameReader;

/// What a stream holds: its frames, then perhaps the error that ends it.
struct Stream {
  std::vector<Frame> frames;
  std::size_t pending = 0;
  std::optional<Error> error;
};

void read_whole_frames(FrameReader& reader, Stream& stream) {
  while (!stream.error) {
    auto next = reader.next();
    if (!next) {
      stream.error = next.error();
    } else if (*next) {
      stream.frames.push_back(std::move(**next));
    } else {
      break;
    }
  }
  stream.pending = reader.pending_bytes();
}

Stream read_at_once(std::string_view bytes) {
  Stream stream;
  FrameReader reader;
  reader.append(bytes);
  read_whole_frames(reader, stream);
  return stream;
}

/// In pieces of any size, chosen by the bytes themselves.
Stream read_in_pieces(std::string_view bytes) {
  Stream stream;
  FrameReader reader;
  std::minstd_rand random{
      static_cast<unsigned>(std::hash<std::string_view>{}(bytes))};
  const std::size_t largest = 1 + random() % 64;
  while (!bytes.empty() && !stream.error) {
    const auto piece = bytes.substr(0, random() % (largest + 1));
    reader.append(piece);
    read_whole_frames(reader, stream);
    bytes.remove_prefix(piece.size());
  }
  if (stream.error) {
    const auto again = reader.next();
    require(!again && again.error().text() == stream.error->text(),
            "after an error the stream is of no more use");
  }
  return stream;
}

bool holds_a_frame(std::string_view rest) {
  if (rest.size() < protocol::kHeaderBytes) return false;
  const auto header =
      protocol::decode_header(rest.substr(0, protocol::kHeaderBytes));
  return header &&
         rest.size() >= protocol::kHeaderBytes + header->payload_bytes();
}

}  // namespace

void check_frames(std::string_view bytes) {
  const Stream whole = read_at_once(bytes);
  const Stream pieces = read_in_pieces(bytes);
  require(whole.frames == pieces.frames,
          "the same frames however the bytes arrive");
  require(whole.error.has_value() == pieces.error.has_value() &&
              (!whole.error || whole.error->text() == pieces.error->text()),
          "the same error however the bytes arrive");
  std::string again;
  for (const Frame& frame : whole.frames) {
    require(frame.handles <= protocol::kMaxHandles &&
                frame.head.size() <= protocol::kMaxHeadBytes &&
                frame.body.size() <= protocol::kMaxBodyBytes &&
                frame.transfer.size() <= protocol::kMaxTransferBytes,
            "no frame is over a limit");
    again += encode(frame);
  }
  require(bytes.starts_with(again), "a frame is written as it was read");
  require(whole.pending == bytes.size() - again.size(), "no byte is lost");
  require(whole.error || !holds_a_frame(bytes.substr(again.size())),
          "a whole frame is not kept waiting");
  require(whole.error || whole.pending < protocol::kHeaderBytes +
                                             protocol::kMaxHeadBytes +
                                             protocol::kMaxBodyBytes +
                                             protocol::kMaxTransferBytes,
          "no frame is waited for beyond the limits");
}

}  // namespace relaunch::fuzz
