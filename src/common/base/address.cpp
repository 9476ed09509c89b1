#include "common/base/address.hpp"

// io_context.hpp comes first: on Windows it starts Winsock, which the parsing
// of an address needs.
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <charconv>
#include <cstring>
#include <optional>

#include "common/base/text.hpp"

namespace relaunch {
namespace {

namespace ip = boost::asio::ip;
using Local = boost::asio::local::stream_protocol;
using Kind = Address::Kind;

constexpr std::string_view kTcp = "tcp://";
constexpr std::string_view kAbstract = "unix-abstract://";
constexpr std::string_view kPipe = "pipe://";
constexpr std::string_view kDigits = "0123456789";
constexpr std::string_view kTcpExample = "tcp://127.0.0.1:8080";
constexpr std::string_view kUnixExample = "unix:///run/app.sock";
/// What sun_path has room for, without the NUL behind it.
constexpr std::size_t kMaxUnixBytes = 107;

struct Scheme {
  std::string_view text;
  Kind kind;
};
/// Of those with a path.
constexpr Scheme kPaths[] = {{"unix://", Kind::unix_stream},
                             {"unix-seqpacket://", Kind::unix_seqpacket},
                             {"unix-datagram://", Kind::unix_datagram}};

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

Error refused(std::string_view text, std::string_view why,
              std::string_view example = kTcpExample) {
  return Error{errc::invalid_argument,
               text::cat("cannot use the address '", text::printable(text),
                         "': ", why, " (e.g. ", example, ")")};
}

/// Of a path or an abstract name, without what stands before it; nothing: it
/// can be used. The text goes into logs and messages as it is.
std::optional<std::string> why_no_name(std::string_view name,
                                       std::size_t limit) {
  if (name.size() > limit) {
    return text::cat("it has ", name.size(), " bytes, the limit is ", limit);
  }
  if (text::printable(name) != name) return "it has control characters";
  return std::nullopt;
}

std::optional<std::string> why_no_path(std::string_view path) {
  if (path.starts_with('@')) {
    return text::cat(
        "an abstract name has no permissions, so that anybody may connect; if "
        "that is meant, ask for ",
        kAbstract, "NAME");
  }
  if (!path.starts_with('/')) return "it is no absolute path";
  if (path.ends_with('/')) return "it is the path of a folder";
  return why_no_name(path, kMaxUnixBytes);
}

std::optional<std::string> why_no_abstract_name(std::string_view name) {
  if (name.empty()) return "the name is missing";
  return why_no_name(name, kMaxUnixBytes - 1);  // a NUL stands before it
}

Error unusable(std::string_view what) {
  return Error{errc::invalid_argument,
               text::cat("cannot use a socket address ", what)};
}

/// The system said that it has so many bytes.
Result<std::string> unix_name(const Local::endpoint& endpoint, std::size_t size,
                              Kind kind) {
  std::string name = endpoint.path();
  if (name.empty()) return unusable("without a name");
  const bool is_abstract = name.front() == '\0';
  const auto why =
      is_abstract ? why_no_abstract_name(name.substr(1)) : why_no_path(name);
  if (why) return unusable(text::cat("of this name: ", *why));
  // Asio takes a NUL at the end away, which belongs to an abstract name.
  if (is_abstract && (endpoint.size() != size || kind != Kind::unix_stream)) {
    return unusable("with an abstract name of another kind");
  }
  return name;
}

}  // namespace

Result<Address> Address::parse(std::string_view text) {
  if (text.starts_with(kTcp)) return parse_tcp(text);
  for (const Scheme& scheme : kPaths) {
    if (!text.starts_with(scheme.text)) continue;
    const std::string_view path = text.substr(scheme.text.size());
    if (const auto why = why_no_path(path)) {
      return refused(text, *why, kUnixExample);
    }
    return of_unix(scheme.kind, std::string{path});
  }
  if (text.starts_with(kAbstract)) {
    const std::string_view name = text.substr(kAbstract.size());
    if (const auto why = why_no_abstract_name(name)) {
      return refused(text, *why, text::cat(kAbstract, "app"));
    }
    return of_unix(Kind::unix_stream, std::string(1, '\0').append(name));
  }
  if (text.starts_with(kPipe)) {
    return refused(text,
                   "a named pipe cannot be taken over without refusing clients "
                   "in between");
  }
  return refused(text, "it begins with neither tcp:// nor unix://");
}

Result<Address> Address::parse_tcp(std::string_view text) {
  std::string_view rest = text;
  rest.remove_prefix(kTcp.size());
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

Address Address::of_unix(Kind kind, const std::string& name) {
  const Local::endpoint endpoint{name};
  Address result;
  result.kind_ = kind;
  result.size_ = endpoint.size();
  std::memcpy(result.storage_.data(), endpoint.data(), result.size_);
  if (name.front() == '\0') {
    result.text_ = text::cat(kAbstract, name.substr(1));
    return result;
  }
  result.path_ = name;
  for (const Scheme& scheme : kPaths) {
    if (scheme.kind == kind) result.text_ = text::cat(scheme.text, name);
  }
  return result;
}

Result<Address> Address::from_native(const void* sockaddr, std::size_t size,
                                     Kind unix_kind) {
  Local::endpoint local;
  if (size < sizeof local.data()->sa_family || size > local.capacity()) {
    return unusable(text::cat("of ", size, " bytes"));
  }
  std::memcpy(local.data(), sockaddr, size);
  const int family = local.data()->sa_family;
  if (family == Local().family()) {
    local.resize(size);
    auto name = unix_name(local, size, unix_kind);
    if (!name) return name.error();
    return of_unix(unix_kind, *name);
  }
  if (family != ip::tcp::v4().family() && family != ip::tcp::v6().family()) {
    return unusable(text::cat("of family ", family));
  }
  ip::tcp::endpoint endpoint;
  if (size > endpoint.capacity() || size < endpoint.size()) {
    return unusable(text::cat("of ", size, " bytes"));
  }
  std::memcpy(endpoint.data(), sockaddr, size);
  if (size < endpoint.size()) return unusable("that was cut");
  const ip::address address = endpoint.address();
  const std::string host = address.to_string();
  Address result;
  result.v6_ = address.is_v6();
  result.loopback_ = address.is_loopback();
  result.port_ = endpoint.port();
  result.size_ = endpoint.size();
  std::memcpy(result.storage_.data(), endpoint.data(), result.size_);
  const auto port = result.port_;
  result.text_ = result.v6_ ? text::cat(kTcp, '[', host, "]:", port)
                            : text::cat(kTcp, host, ':', port);
  return result;
}

}  // namespace relaunch
