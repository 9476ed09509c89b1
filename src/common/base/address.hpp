// An address that was asked for: "tcp://127.0.0.1:8080", "tcp://[::1]:0".
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.hpp"

namespace relaunch {

/// A socket address with its text. Numeric only: a name may resolve to
/// something else in the next release, and a listener would silently move.
class Address {
 public:
  /// errc::invalid_argument with what is wrong with `text`, and an example.
  static Result<Address> parse(std::string_view text);
  /// From what getsockname() filled in.
  static Result<Address> from_native(const void* sockaddr, std::size_t size);

  /// "tcp://127.0.0.1:8080"
  const std::string& text() const { return text_; }
  bool is_v6() const { return v6_; }
  bool is_loopback() const { return loopback_; }
  std::uint16_t port() const { return port_; }
  /// A sockaddr_in or sockaddr_in6.
  const void* native() const { return storage_.data(); }
  std::size_t native_size() const { return size_; }

  /// The address that was asked for is what identifies a listener, `:0` too.
  bool operator==(const Address& other) const { return text_ == other.text_; }

 private:
  Address() = default;
  std::string text_;
  bool v6_ = false;
  bool loopback_ = false;
  std::uint16_t port_ = 0;
  std::size_t size_ = 0;
  alignas(8) std::array<std::byte, 28> storage_{};
};

}  // namespace relaunch
