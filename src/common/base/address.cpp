#include "common/base/address.hpp"

// io_context.hpp comes first: on Windows it starts Winsock, which the parsing
// of an address needs.
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <charconv>
#include <cstring>
#include <optional>

#include "common/base/text.hpp"

namespace relaunch {
namespace {

namespace ip = boost::asio::ip;

constexpr std::string_view kScheme = "tcp://";
constexpr std::string_view kDigits = "0123456789";

std::optional<unsigned> number(std::string_view text, std::size_t max_digits,
                               unsigned max) {
  if (text.empty() || text.size() > max_digits) return {};
  if (text.find_first_not_of(kDigits) != text.npos) return {};
  unsigned value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  if (value > max) return {};
  return value;
}

/// Four decimal numbers: the systems' own parsers disagree about "127.1" and
/// "010.0.0.1".
std::optional<ip::address> parse_v4(std::string_view text) {
  ip::address_v4::bytes_type bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const std::size_t dot = i + 1 < bytes.size() ? text.find('.') : text.size();
    if (dot == text.npos) return {};
    const std::string_view part = text.substr(0, dot);
    const auto value = number(part, 3, 255);
    if (!value || (part.size() > 1 && part[0] == '0')) return {};
    bytes[i] = static_cast<unsigned char>(*value);
    text.remove_prefix(dot == text.size() ? dot : dot + 1);
  }
  return ip::address_v4{bytes};
}

/// Windows' parser would take a port or a prefix length along.
std::optional<ip::address> parse_v6(std::string_view text) {
  const std::string_view plain = text.substr(0, text.find('%'));
  if (plain.find_first_not_of("0123456789abcdefABCDEF:.") != plain.npos) {
    return {};
  }
  if (text.size() > 100 || text.find('\0') != text.npos) return {};
  boost::system::error_code failure;
  const auto address = ip::make_address_v6(std::string{text}, failure);
  // An interface that is not there counts as none: another address.
  if (failure || (plain.size() != text.size() && address.scope_id() == 0)) {
    return {};
  }
  return address;
}

Error refused(std::string_view text, std::string_view why) {
  return Error{errc::invalid_argument,
               text::cat("cannot use the address '", text::printable(text),
                         "': ", why, " (e.g. tcp://127.0.0.1:8080)")};
}

}  // namespace

Result<Address> Address::parse(std::string_view text) {
  std::string_view rest = text;
  if (!rest.starts_with(kScheme)) {
    return refused(text, "it does not begin with tcp://");
  }
  rest.remove_prefix(kScheme.size());
  const std::size_t colon = rest.rfind(':');
  const bool bracketed = rest.starts_with('[');
  if (colon == rest.npos || (bracketed && rest[colon - 1] != ']')) {
    return refused(text, "the port is missing");
  }
  const auto port = number(rest.substr(colon + 1), 5, 65535);
  if (!port) return refused(text, "the port is no number up to 65535");
  const std::string_view host = rest.substr(0, colon);
  if (!bracketed && host.find(':') != host.npos) {
    return refused(text, "an IPv6 address needs brackets");
  }
  const auto address =
      bracketed ? parse_v6(host.substr(1, host.size() - 2)) : parse_v4(host);
  if (!address) return refused(text, "the host is no numeric IP address");
  const ip::tcp::endpoint endpoint{*address, static_cast<std::uint16_t>(*port)};
  return from_native(endpoint.data(), endpoint.size());
}

Result<Address> Address::from_native(const void* sockaddr, std::size_t size) {
  ip::tcp::endpoint endpoint;
  Address result;
  if (size > endpoint.capacity() || size > result.storage_.size() ||
      size < endpoint.size()) {
    return Error{errc::invalid_argument,
                 text::cat("cannot use a socket address of ", size, " bytes")};
  }
  std::memcpy(endpoint.data(), sockaddr, size);
  const int family = endpoint.data()->sa_family;
  if (family != ip::tcp::v4().family() && family != ip::tcp::v6().family()) {
    return Error{errc::invalid_argument,
                 text::cat("cannot use a socket address of family ", family)};
  }
  if (size < endpoint.size()) {
    return Error{errc::invalid_argument, "cannot use a cut socket address"};
  }
  const ip::address address = endpoint.address();
  const std::string host = address.to_string();
  result.v6_ = address.is_v6();
  result.loopback_ = address.is_loopback();
  result.port_ = endpoint.port();
  result.size_ = endpoint.size();
  std::memcpy(result.storage_.data(), endpoint.data(), result.size_);
  const auto port = result.port_;
  result.text_ = result.v6_ ? text::cat(kScheme, '[', host, "]:", port)
                            : text::cat(kScheme, host, ':', port);
  return result;
}

}  // namespace relaunch
