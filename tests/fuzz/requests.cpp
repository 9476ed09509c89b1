#include <algorithm>
#include <boost/json/parse.hpp>

#include "common/base/text.hpp"
#include "fuzz/properties.hpp"
#include "guard.hpp"
#include "text.hpp"
#include "update_route.hpp"

// What the hello example makes of a request, above HTTP.
namespace relaunch::fuzz {
namespace {

std::string query_of(const UpgradeRequest& request) {
  const auto item = [](std::string_view name, bool value) {
    return std::string(name) + (value ? "=1" : "=0");
  };
  return item("force", request.force) + '&' +
         item("end-probation", request.end_probation) + '&' +
         item("skip-build", request.skip_build);
}

void check_query(std::string_view query) {
  const auto request = hello::parse_update_query(query);
  if (!request) return;
  const auto again = hello::parse_update_query(query_of(*request));
  require(again && query_of(*again) == query_of(*request),
          "a query means the same when written out");
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string in_lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

/// The same question asked another way.
bool names_this_machine(std::string_view host) {
  const std::size_t digits = static_cast<std::size_t>(
      std::find_if_not(host.rbegin(), host.rend(), is_digit) - host.rbegin());
  const std::string_view front = host.substr(0, host.size() - digits);
  if (digits >= 1 && digits <= 5 && front.ends_with(':')) {
    host = front.substr(0, front.size() - 1);
  }
  const std::string lower = in_lower_case(host);
  return lower == "127.0.0.1" || lower == "localhost" || lower == "[::1]";
}

// A request as a page in a browser or a program elsewhere could make it.
void check_guard(std::string_view field) {
  hello::UpdateAttempt attempt;
  attempt.method = "POST";
  attempt.host = field;
  require(refuse_update(attempt, {}).has_value(),
          "without a token only this machine may ask");
  attempt.peer_is_loopback = true;
  require(!refuse_update(attempt, {}) == names_this_machine(field),
          "a name that was made to mean this machine is refused");
  attempt.origin = field;
  require(refuse_update(attempt, {}).has_value(), "a web page is refused");
  attempt.authorization = field;
  constexpr std::string_view kToken = "4711";
  const std::string lower = in_lower_case(field.substr(0, 7));
  require(!refuse_update(attempt, kToken) ==
              (lower == "bearer " && field.substr(lower.size()) == kToken),
          "only the whole token opens");
  attempt.method = field;
  require(field == "POST" || refuse_update(attempt, kToken)->status == 405,
          "nothing but POST asks for an update");
}

}  // namespace

void check_requests(std::string_view bytes) {
  check_query(bytes);
  check_guard(bytes);
  const std::string valid = text::valid_utf8(bytes);
  boost::system::error_code failure;
  const auto json = boost::json::parse(hello::json_string(valid), failure);
  require(!failure && json.as_string() == valid,
          "what is told comes back as it was");
  const std::string shown = hello::printable(bytes);
  require(shown.find_first_of("\n\r\x1b") == shown.npos,
          "what is logged is one line");
}

}  // namespace relaunch::fuzz
