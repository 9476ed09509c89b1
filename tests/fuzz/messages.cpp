#include <cstdint>
#include <optional>

#include "common/base/text.hpp"
#include "common/protocol/message.hpp"
#include "fuzz/properties.hpp"

namespace relaunch::fuzz {
namespace {

using protocol::Frame;

/// The handles that the message is made for are the only number it takes.
std::optional<protocol::Message> read_with_right_handles(Frame& frame) {
  std::optional<protocol::Message> message;
  for (const std::size_t handles : {0, 1, 2, 3, 64, 250}) {
    frame.handles = static_cast<std::uint16_t>(handles);
    auto read = from_frame(frame);
    if (!read) {
      require(text::printable(read.error().text()) == read.error().text(),
              "an error is fit for a terminal");
      continue;
    }
    require(!message, "a message takes one number of handles");
    message = std::move(*read);
    require(to_frame(*message).handles == handles, "and announces it");
  }
  return message;
}

}  // namespace

// The bytes are the head of a frame.
void check_messages(std::string_view bytes) {
  Frame frame;
  frame.head = bytes;
  const auto message = read_with_right_handles(frame);
  if (!message) return;
  require(bytes.size() <= protocol::kMaxHeadBytes, "a head has a limit");
  const Frame written = to_frame(*message);
  require(written.head.size() <= bytes.size(),
          "what could be read fits into a frame again");
  const auto again = from_frame(written);
  require(again && *again == *message, "a message comes back as it was");
  require(to_frame(*again) == written, "and is written the same way");
}

}  // namespace relaunch::fuzz
