#include "common/base/text.hpp"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "fuzz/properties.hpp"

namespace relaunch::fuzz {

// The bytes are what another process or a file said.
void check_text(std::string_view bytes) {
  const std::string valid = text::valid_utf8(bytes);
  require(text::valid_utf8(valid) == valid, "valid text stays as it is");
  boost::system::error_code failure;
  const auto json = boost::json::parse(
      boost::json::serialize(boost::json::value(valid)), failure);
  require(!failure && json.as_string() == valid, "valid text fits into JSON");

  const std::string shown = text::printable(bytes);
  require(text::printable(shown) == shown, "what is printable stays as it is");
  require(text::valid_utf8(shown) == shown, "what is printable is valid");
  require(std::none_of(shown.begin(), shown.end(),
                       [](unsigned char c) { return c < 0x20 || c == 0x7F; }),
          "what is printable controls no terminal");
  require(text::utf8(text::path_from_utf8(valid)) == valid,
          "a path keeps its name");
}

}  // namespace relaunch::fuzz
