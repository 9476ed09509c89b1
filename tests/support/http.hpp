// A small HTTP client for tests and the demo: blocking, every call bounded.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/result.hpp"

namespace relaunch::test {

struct HttpRequest {
  std::string method = "GET";
  std::string path = "/";
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  bool keep_alive = false;
};

struct HttpAnswer {
  unsigned status = 0;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  bool keep_alive = false;

  /// Empty if there is none; the name's case does not matter.
  std::string header(std::string_view name) const;
};

/// One connection to 127.0.0.1. Each wait counts its own deadline from the
/// call; what comes too late is an error.
class HttpConnection {
 public:
  using ms = std::chrono::milliseconds;
  static Result<HttpConnection> open(std::uint16_t port, ms deadline);
  HttpConnection(HttpConnection&&) noexcept;
  HttpConnection& operator=(HttpConnection&&) noexcept;
  ~HttpConnection();

  Result<void> send(const HttpRequest& request, ms deadline);
  /// Bytes as they are, for requests that no client would send.
  Result<void> send_bytes(std::string_view bytes, ms deadline);
  /// `on_line`, if any, for each line of the body as it comes, without its end.
  Result<HttpAnswer> receive(
      ms deadline, const std::function<void(std::string_view)>& on_line = {});
  /// Waits until the server closes. An error: it did not, or sent something.
  Result<void> wait_closed(ms deadline);

 private:
  struct Impl;
  explicit HttpConnection(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// A connection of its own for one request. The deadline counts for the whole.
Result<HttpAnswer> http_call(
    std::uint16_t port, const HttpRequest& request,
    std::chrono::milliseconds deadline,
    const std::function<void(std::string_view)>& on_line = {});

}  // namespace relaunch::test
