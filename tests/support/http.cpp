#include "support/http.hpp"

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <optional>

namespace relaunch::test {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::size_t kPiece = 16 * 1024;

/// Cuts lines out of pieces.
struct LineCutter {
  const std::function<void(std::string_view)>& on_line;
  std::string rest;

  void add(std::string_view piece) {
    if (!on_line) return;
    rest += piece;
    std::size_t begin = 0;
    for (std::size_t end; (end = rest.find('\n', begin)) != rest.npos;
         begin = end + 1) {
      on_line(std::string_view(rest).substr(begin, end - begin));
    }
    rest.erase(0, begin);
  }
  void finish() {
    if (on_line && !rest.empty()) on_line(rest);
  }
};

}  // namespace

std::string HttpAnswer::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (beast::iequals(key, beast::string_view(name.data(), name.size()))) {
      return value;
    }
  }
  return {};
}

struct HttpConnection::Impl {
  explicit Impl(std::uint16_t to_port) : stream(io), port(to_port) {}

  /// Starts one operation and waits for its end, which the stream's own
  /// deadline brings at the latest.
  template <typename Start>
  error_code run(steady_clock::time_point deadline, Start start) {
    stream.expires_at(deadline);
    error_code result;
    start([&result](const error_code& error, auto...) { result = error; });
    io.restart();
    io.run();
    stream.expires_never();
    return result;
  }

  Error failure(std::string_view doing, const error_code& error) const {
    return Error{
        static_cast<std::error_code>(error),
        "cannot " + std::string(doing) + " 127.0.0.1:" + std::to_string(port)};
  }

  asio::io_context io{1};
  beast::tcp_stream stream;
  beast::flat_buffer buffer;
  std::uint16_t port;
};

HttpConnection::HttpConnection(std::unique_ptr<Impl> impl)
    : impl_(std::move(impl)) {}
HttpConnection::HttpConnection(HttpConnection&&) noexcept = default;
HttpConnection& HttpConnection::operator=(HttpConnection&&) noexcept = default;
HttpConnection::~HttpConnection() = default;

Result<HttpConnection> HttpConnection::open(std::uint16_t port, ms deadline) {
  auto impl = std::make_unique<Impl>(port);
  const tcp::endpoint endpoint(asio::ip::address_v4::loopback(), port);
  const error_code error =
      impl->run(steady_clock::now() + deadline, [&](auto done) {
        impl->stream.async_connect(endpoint, std::move(done));
      });
  if (error) return impl->failure("connect to", error);
  return HttpConnection(std::move(impl));
}

Result<void> HttpConnection::send(const HttpRequest& request, ms deadline) {
  http::request<http::string_body> out;
  out.method_string(request.method);
  out.target(request.path);
  out.version(11);
  out.set(http::field::host, "127.0.0.1:" + std::to_string(impl_->port));
  out.keep_alive(request.keep_alive);
  for (const auto& [name, value] : request.headers) out.set(name, value);
  out.body() = request.body;
  out.prepare_payload();
  const error_code error =
      impl_->run(steady_clock::now() + deadline, [&](auto done) {
        http::async_write(impl_->stream, out, std::move(done));
      });
  if (error) return impl_->failure("send to", error);
  return {};
}

Result<void> HttpConnection::send_bytes(std::string_view bytes, ms deadline) {
  const error_code error =
      impl_->run(steady_clock::now() + deadline, [&](auto done) {
        asio::async_write(impl_->stream,
                          asio::buffer(bytes.data(), bytes.size()),
                          std::move(done));
      });
  if (error) return impl_->failure("send to", error);
  return {};
}

Result<HttpAnswer> HttpConnection::receive(
    ms deadline, const std::function<void(std::string_view)>& on_line) {
  const auto until = steady_clock::now() + deadline;
  http::response_parser<http::buffer_body> parser;
  parser.body_limit(boost::none);
  error_code error = impl_->run(until, [&](auto done) {
    http::async_read_header(impl_->stream, impl_->buffer, parser,
                            std::move(done));
  });
  if (error) return impl_->failure("receive from", error);

  HttpAnswer answer;
  answer.status = parser.get().result_int();
  for (const auto& field : parser.get()) {
    answer.headers.emplace_back(field.name_string(), field.value());
  }
  LineCutter lines{on_line, {}};
  std::array<char, kPiece> piece{};
  while (!parser.is_done()) {
    auto& body = parser.get().body();
    body.data = piece.data();
    body.size = piece.size();
    error = impl_->run(until, [&](auto done) {
      http::async_read_some(impl_->stream, impl_->buffer, parser,
                            std::move(done));
    });
    if (error == http::error::need_buffer) error = {};
    const std::string_view got(piece.data(), piece.size() - body.size);
    answer.body += got;
    lines.add(got);
    if (error) return impl_->failure("receive from", error);
  }
  lines.finish();
  answer.keep_alive = parser.get().keep_alive();
  return answer;
}

Result<void> HttpConnection::wait_closed(ms deadline) {
  char byte = 0;
  const error_code error =
      impl_->run(steady_clock::now() + deadline, [&](auto done) {
        impl_->stream.async_read_some(asio::buffer(&byte, 1), std::move(done));
      });
  if (error == asio::error::eof) return {};
  if (error) return impl_->failure("see the end of", error);
  return Error{make_error_code(std::errc::protocol_error),
               "unasked-for bytes from the server"};
}

Result<HttpAnswer> http_call(
    std::uint16_t port, const HttpRequest& request, milliseconds deadline,
    const std::function<void(std::string_view)>& on_line) {
  const auto until = steady_clock::now() + deadline;
  const auto left = [until] {
    return std::chrono::duration_cast<milliseconds>(until -
                                                    steady_clock::now());
  };
  Result<HttpConnection> connection = HttpConnection::open(port, left());
  if (!connection) return connection.error();
  if (const auto sent = connection->send(request, left()); !sent) {
    return sent.error();
  }
  return connection->receive(left(), on_line);
}

}  // namespace relaunch::test
