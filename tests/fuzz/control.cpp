#include <algorithm>
#include <vector>

#include "common/base/text.hpp"
#include "common/control/message.hpp"
#include "fuzz/properties.hpp"

// What a command and a coordinator make of what the other one sends.
namespace relaunch::fuzz {
namespace {

using protocol::Frame;

// Escaped, an error of the other side is fit for a terminal; our own are so as
// they are.
void check_error(const Error& error) {
  require(text::printable(error.text()) == error.text(),
          "an error is fit for a terminal");
}

bool has_nul(const std::string& text) {
  return text.find('\0') != std::string::npos;
}

void check_request(const Frame& frame) {
  const auto request = control::request_from(frame);
  if (!request) return check_error(request.error());
  require(request->min_version <= control::kMaxVersion &&
              request->max_version >= control::kMinVersion,
          "what is read has a version that both speak");
  require(!has_nul(text::utf8(request->order.artifact)) &&
              !has_nul(request->order.release),
          "the system reads all of what was checked");
  const auto words =
      request->order.arguments.value_or(std::vector<std::string>{});
  for (const auto& word : words) {
    require(!has_nul(word), "the system reads all of an argument");
  }
  const Frame written = control::to_frame(*request);
  const auto again = control::request_from(written);
  require(again && again->verb == request->verb, "a request comes back");
  require(control::to_frame(*again) == written, "and is written the same way");
}

void check_answer(const Frame& frame) {
  const auto answer = control::answer_from(frame);
  if (!answer) return check_error(answer.error());
  const Frame written = control::to_frame(*answer);
  const auto again = control::answer_from(written);
  require(again && again->kind == answer->kind, "an answer comes back");
  require(again->text == answer->text &&
              again->error.text() == answer->error.text(),
          "with the same words");
  require(control::to_frame(*again) == written, "and is written the same way");
}

}  // namespace

// The head of a frame, then after a NUL its body.
void check_control(std::string_view bytes) {
  Frame frame;
  const std::size_t end = std::min(bytes.find('\0'), bytes.size());
  frame.head = bytes.substr(0, end);
  frame.body = bytes.substr(std::min(end + 1, bytes.size()));
  check_request(frame);
  check_answer(frame);
}

}  // namespace relaunch::fuzz
