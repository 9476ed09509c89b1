#include <algorithm>
#include <boost/json/parse.hpp>
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

/// All that was written was said; of what was said, unknown keys may be gone.
bool is_part_of(const boost::json::value& written,
                const boost::json::value& said) {
  if (const auto* object = written.if_object()) {
    return said.is_object() &&
           std::all_of(object->begin(), object->end(), [&](const auto& entry) {
             const auto* same = said.get_object().if_contains(entry.key());
             return same != nullptr && is_part_of(entry.value(), *same);
           });
  }
  if (const auto* array = written.if_array()) {
    return said.is_array() &&
           std::equal(array->begin(), array->end(), said.get_array().begin(),
                      said.get_array().end(), is_part_of);
  }
  return written == said;
}

}  // namespace

// The bytes are the head of a frame, and behind a zero its body.
void check_messages(std::string_view bytes) {
  Frame frame;
  const std::size_t end = bytes.find('\0');
  if (end != bytes.npos) frame.body = bytes.substr(end + 1);
  bytes = bytes.substr(0, end);
  frame.head = bytes;
  const auto message = read_with_right_handles(frame);
  if (!message) return;
  require(bytes.size() <= protocol::kMaxHeadBytes, "a head has a limit");
  const Frame written = to_frame(*message);
  require(written.head.size() <= bytes.size(),
          "what could be read fits into a frame again");
  require(is_part_of(boost::json::parse(written.head),
                     boost::json::parse({bytes.data(), bytes.size()})),
          "a message is read as it was meant");
  const auto again = from_frame(written);
  require(again && *again == *message, "a message comes back as it was");
  require(to_frame(*again) == written, "and is written the same way");
}

}  // namespace relaunch::fuzz
