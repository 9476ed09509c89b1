// An address that was asked for: "tcp://127.0.0.1:8080", "tcp://[::1]:0",
// "unix:///run/app.sock".
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.hpp"

namespace relaunch {

/// A socket address with its text. Numeric only: a name may resolve to
/// something else in the next release, and a listener would silently move. For
/// the same reason the path of a unix socket is absolute.
class Address {
 public:
  enum class Kind {
    tcp,
    unix_stream,     ///< unix:// and unix-abstract://
    unix_seqpacket,  ///< unix-seqpacket://
    unix_datagram,   ///< unix-datagram://
  };

  /// errc::invalid_argument with what is wrong with `text`, and an example.
  static Result<Address> parse(std::string_view text);
  /// From what getsockname() filled in. A path does not tell what kind of unix
  /// socket is bound to it; `unix_kind` does.
  static Result<Address> from_native(const void* sockaddr, std::size_t size,
                                     Kind unix_kind = Kind::unix_stream);

  /// "tcp://127.0.0.1:8080"
  const std::string& text() const { return text_; }
  Kind kind() const { return kind_; }
  bool is_unix() const { return kind_ != Kind::tcp; }
  /// Of a unix socket; empty if it has none: its name is an abstract one.
  const std::string& path() const { return path_; }
  bool is_v6() const { return v6_; }
  bool is_loopback() const { return loopback_; }
  std::uint16_t port() const { return port_; }
  /// A sockaddr_in, sockaddr_in6 or sockaddr_un.
  const void* native() const { return storage_.data(); }
  std::size_t native_size() const { return size_; }

  /// The address that was asked for is what identifies a listener, `:0` too.
  bool operator==(const Address& other) const { return text_ == other.text_; }

 private:
  Address() = default;
  static Result<Address> parse_tcp(std::string_view text);
  /// `name`: a path, or an abstract name behind a NUL.
  static Address of_unix(Kind kind, const std::string& name);

  std::string text_;
  std::string path_;
  Kind kind_ = Kind::tcp;
  bool v6_ = false;
  bool loopback_ = false;
  std::uint16_t port_ = 0;
  std::size_t size_ = 0;
  alignas(8) std::array<std::byte, 112> storage_{};
};

}  // namespace relaunch
