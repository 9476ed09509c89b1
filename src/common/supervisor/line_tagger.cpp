#include "common/supervisor/line_tagger.hpp"

#include <algorithm>

namespace relaunch::supervisor {

void LineTagger::add(std::string_view bytes, std::string& out) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const std::size_t room = kLongest - begun_.size();
    const std::size_t size = std::min({end, room, bytes.size()});
    begun_ += bytes.substr(0, size);
    bytes.remove_prefix(size);
    if (size == end) {
      bytes.remove_prefix(1);
      put(begun_, out);
      begun_.clear();
      continued_ = false;
    } else if (begun_.size() == kLongest) {
      flush(out);
    }
  }
}

void LineTagger::flush(std::string& out) {
  if (begun_.empty()) return;
  put(begun_, out);
  begun_.clear();
  continued_ = true;
}

void LineTagger::put(std::string_view line, std::string& out) {
  // The end of a line that was flushed whole says nothing.
  if (continued_ && line.empty()) return;
  out += tag_;
  out += continued_ ? "+ " : " ";
  out += line;
  out += '\n';
}

}  // namespace relaunch::supervisor
