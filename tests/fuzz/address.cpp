#include "common/base/address.hpp"

#include <string>

#include "common/base/text.hpp"
#include "fuzz/properties.hpp"

namespace relaunch::fuzz {
namespace {

void check_same(const Address& address, const Result<Address>& again,
                const std::string& promise) {
  require(again && *again == address && again->port() == address.port() &&
              again->is_v6() == address.is_v6() &&
              again->is_loopback() == address.is_loopback() &&
              again->kind() == address.kind() &&
              again->path() == address.path() &&
              again->native_size() == address.native_size(),
          promise + ": " + address.text());
}

void check_unix_meant(std::string_view asked, const Address& address) {
  require(address.text() == asked, "a unix address is kept as it is");
  require(address.path().empty() == asked.starts_with("unix-abstract://"),
          "only an abstract name has no path");
  require(address.path().empty() || (address.path().front() == '/' &&
                                     asked.ends_with(address.path())),
          "a path is absolute, and the one that was asked for");
}

void check_meant(std::string_view asked, const Address& address) {
  if (address.is_unix()) return check_unix_meant(asked, address);
  const std::size_t colon = asked.rfind(':');
  require(std::stoul(std::string(asked.substr(colon + 1))) == address.port(),
          "the port is the one that was asked for");
  require(address.is_v6() || address.text().starts_with(asked.substr(0, colon)),
          "an IPv4 address is the one that was asked for");
}

}  // namespace

// The bytes are an address as text, and a socket address of the system.
void check_address(std::string_view bytes) {
  const auto parsed = Address::parse(bytes);
  if (parsed) {
    check_meant(bytes, *parsed);
    require(text::printable(parsed->text()) == parsed->text(),
            "an address is fit for a terminal");
    check_same(*parsed, Address::parse(parsed->text()),
               "an address is read as it is written");
    check_same(*parsed,
               Address::from_native(parsed->native(), parsed->native_size(),
                                    parsed->kind()),
               "an address comes back from the system");
  } else {
    require(text::printable(parsed.error().text()) == parsed.error().text(),
            "an error is fit for a terminal");
  }
  // Of which kind a unix socket is must be told beside it.
  const auto kind = static_cast<Address::Kind>(1 + bytes.size() % 3);
  const auto native = Address::from_native(bytes.data(), bytes.size(), kind);
  // A scope has a name on one machine and none on another.
  if (!native || native->text().find('%') != std::string::npos) return;
  check_same(*native, Address::parse(native->text()),
             "what the system says can be asked for");
}

}  // namespace relaunch::fuzz
