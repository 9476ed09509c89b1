#include "common/supervisor/http_probe.hpp"
#include "fuzz/properties.hpp"

// What a server answers to a probe, and what path it is asked for.
namespace relaunch::fuzz {

void check_probes(std::string_view bytes) {
  const auto status = supervisor::answer_status(bytes);
  if (status) {
    require(*status <= 999, "a status has three digits");
    require(bytes.starts_with("HTTP/1.") && bytes.ends_with("\r\n\r\n"),
            "only a whole head has one");
  } else {
    require(
        status.error().text().find_first_of("\n\r\x1b") == std::string::npos,
        "what is logged is one line");
  }
  if (!supervisor::is_probe_path(bytes)) return;
  const std::string request = supervisor::probe_request(bytes);
  require(request.starts_with("GET /") &&
              request.find("\r\n\r\n") == request.size() - 4 &&
              request.find(' ', 4) == 4 + bytes.size(),
          "a path is one word of one request");
}

}  // namespace relaunch::fuzz
