#include "server.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <exception>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "greeting.hpp"
#include "guard.hpp"
#include "relaunch/asio.hpp"
#include "status_route.hpp"
#include "text.hpp"
#include "update_route.hpp"

namespace hello {
namespace {

namespace net = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using net::ip::tcp;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

using Parser = http::request_parser<http::string_body>;
using Request = http::request<http::string_body>;

// Errors are values here: (error_code, result).
constexpr auto kTuple = net::as_tuple(net::use_awaitable);

// What one client may cost.
constexpr std::size_t kMaxConnections = 1000;
constexpr std::uint32_t kMaxHeaderBytes = 16 * 1024;
constexpr std::uint64_t kMaxBodyBytes = 64 * 1024;
constexpr seconds kReadDeadline{60};
constexpr seconds kWriteDeadline{30};
constexpr milliseconds kLinger{500};

struct Answer {
  unsigned status = 200;
  std::string body;
  const char* content_type = "text/plain; charset=utf-8";
  const char* allow = nullptr;
};

struct Connection {
  explicit Connection(tcp::socket socket)
      : stream(std::move(socket)),
        buffer(kMaxHeaderBytes + kMaxBodyBytes),
        news(std::make_shared<net::steady_timer>(stream.get_executor())) {
    boost::system::error_code ignored;
    stream.socket().set_option(tcp::no_delay(true), ignored);
    const auto peer = stream.socket().remote_endpoint(ignored).address();
    peer_is_loopback =
        peer.is_loopback() ||
        (peer.is_v6() && peer.to_v6().is_v4_mapped() &&
         net::ip::make_address_v4(net::ip::v4_mapped, peer.to_v6())
             .is_loopback());
  }

  void give_up() {
    given_up = true;
    stream.close();
    news->cancel();
  }

  beast::tcp_stream stream;
  beast::flat_buffer buffer;
  /// Cancelled when there is something to tell; shared with who tells it.
  std::shared_ptr<net::steady_timer> news;
  bool peer_is_loopback = false;
  bool given_up = false;
};

/// The status to refuse a request with that could not be read; 0 if the client
/// is gone or silent, and nobody would read an answer.
unsigned status_of(const boost::system::error_code& error) {
  if (error == http::error::header_limit ||
      error == http::error::buffer_overflow) {
    return 431;
  }
  if (error == http::error::body_limit) return 413;
  if (error == http::error::end_of_stream ||
      error == http::error::partial_message) {
    return 0;
  }
  const bool malformed =
      error.category() == make_error_code(http::error::bad_method).category();
  return malformed ? 400 : 0;
}

/// 200 if there is a whole request.
net::awaitable<unsigned> read_request(Connection& connection, Parser& parser) {
  parser.header_limit(kMaxHeaderBytes);
  parser.body_limit(kMaxBodyBytes);
  auto& stream = connection.stream;
  stream.expires_after(kReadDeadline);
  const auto [error, size] = co_await http::async_read_header(
      stream, connection.buffer, parser, kTuple);
  if (error) co_return status_of(error);
  if (beast::iequals(parser.get()[http::field::expect], "100-continue")) {
    constexpr std::string_view kGoOn = "HTTP/1.1 100 Continue\r\n\r\n";
    co_await net::async_write(stream, net::buffer(kGoOn.data(), kGoOn.size()),
                              kTuple);
  }
  const auto [body_error, body_size] =
      co_await http::async_read(stream, connection.buffer, parser, kTuple);
  co_return body_error ? status_of(body_error) : 200;
}

/// The client reads what was sent before the connection goes: closing with
/// unread bytes would reset it.
net::awaitable<void> close_gently(Connection& connection) {
  boost::system::error_code ignored;
  connection.stream.socket().shutdown(tcp::socket::shutdown_send, ignored);
  connection.stream.expires_after(kLinger);
  for (;;) {
    connection.buffer.clear();
    const auto [error, size] = co_await connection.stream.async_read_some(
        connection.buffer.prepare(4096), kTuple);
    if (error) break;
  }
}

std::optional<std::string_view> field(const Request& request,
                                      http::field name) {
  const auto count = request.count(name);
  if (count == 0) return std::nullopt;
  if (count > 1) return std::string_view();
  const auto value = request[name];
  return std::string_view(value.data(), value.size());
}

std::string_view view(beast::string_view text) {
  return {text.data(), text.size()};
}

}  // namespace

struct Server::Impl : std::enable_shared_from_this<Impl> {
  Impl(net::io_context& io_, relaunch::Upgrader& upgrader_,
       const relaunch::Listener& listener, ServerOptions options_)
      : io(io_),
        upgrader(upgrader_),
        options(std::move(options_)),
        generation(std::to_string(upgrader.status().generation)),
        acceptor(std::in_place, io, listener),
        room(io),
        drain_timer(io) {}

  net::awaitable<void> accept_all();
  net::awaitable<void> converse(tcp::socket socket);
  net::awaitable<bool> answer(Connection& connection, const Request& request);
  net::awaitable<bool> send(Connection& connection, const Answer& answer,
                            const Request& request, bool keep_alive);
  net::awaitable<bool> stream_update(Connection& connection,
                                     const Request& request,
                                     relaunch::UpgradeRequest wanted);
  net::awaitable<bool> send_news(Connection& connection, UpdateFeed& feed,
                                 bool chunked);

  Answer route(const Request& request, std::string_view path);
  std::optional<Refusal> refuse(const Connection& connection,
                                const Request& request) const;
  template <typename Body>
  void set_common(http::response<Body>& response, bool keep_alive) const;
  void enter(Connection& connection);
  void leave(Connection& connection);
  void await_drain_deadline();
  void log(relaunch::LogLevel level, const std::string& line) const {
    if (options.log) options.log(level, line);
  }

  net::io_context& io;
  relaunch::Upgrader& upgrader;
  const ServerOptions options;
  const std::string generation;
  std::optional<relaunch::asio::Acceptor> acceptor;
  std::set<Connection*> connections;
  net::steady_timer room;  ///< cancelled when a connection has ended
  net::steady_timer drain_timer;
  std::optional<steady_clock::time_point> leave_at;  ///< draining
  std::uint64_t answered = 0;
};

namespace {

/// Counts a connection as long as its coroutine lives.
template <typename Impl>
class Presence {
 public:
  Presence(Impl& server, Connection& connection)
      : server_(server), connection_(connection) {
    server_.enter(connection_);
  }
  ~Presence() { server_.leave(connection_); }
  Presence(const Presence&) = delete;
  Presence& operator=(const Presence&) = delete;

 private:
  Impl& server_;
  Connection& connection_;
};

}  // namespace

net::awaitable<void> Server::Impl::accept_all() {
  const auto self = shared_from_this();
  for (;;) {
    if (connections.size() >= kMaxConnections) {
      // The others wait in the listener's queue.
      room.expires_at(steady_clock::time_point::max());
      co_await room.async_wait(kTuple);
      continue;
    }
    auto [error, socket] = co_await acceptor->async_accept(kTuple);
    if (error == net::error::operation_aborted) co_return;
    if (!error) {
      net::co_spawn(io, converse(std::move(socket)), net::detached);
      continue;
    }
    log(relaunch::LogLevel::warning,
        "cannot accept a connection: " + error.message());
    room.expires_after(milliseconds(100));
    co_await room.async_wait(kTuple);
  }
}

net::awaitable<void> Server::Impl::converse(tcp::socket socket) {
  const auto self = shared_from_this();
  Connection connection(std::move(socket));
  const Presence presence(*this, connection);
  bool keep_alive = true;
  while (keep_alive) {
    Parser parser;
    const unsigned status = co_await read_request(connection, parser);
    if (status == 0) co_return;
    if (status != 200) {
      Answer refusal;
      refusal.status = status;
      refusal.body = "this request cannot be read\n";
      keep_alive = co_await send(connection, refusal, Request(), false);
    } else {
      const Request request = parser.release();
      keep_alive = co_await answer(connection, request);
    }
  }
  if (!connection.given_up) co_await close_gently(connection);
}

net::awaitable<bool> Server::Impl::answer(Connection& connection,
                                          const Request& request) {
  const auto target = view(request.target());
  const auto question = target.find('?');
  const auto path = target.substr(0, question);
  Answer answer;
  if (path == "/update") {
    const auto wanted = parse_update_query(
        question == target.npos ? "" : target.substr(question + 1));
    const auto refusal = refuse(connection, request);
    if (!refusal && wanted) {
      co_return co_await stream_update(connection, request, *wanted);
    }
    answer.status = refusal ? refusal->status : 400;
    answer.allow = "POST";
    answer.body = refusal ? refusal->text
                          : "force, end-probation and skip-build are known, "
                            "each 0 or 1";
    answer.body += '\n';
  } else {
    answer = route(request, path);
  }
  // In the drain this is the one more answer that a connection gets.
  const bool keep_alive = request.keep_alive() && !leave_at;
  co_return co_await send(connection, answer, request, keep_alive);
}

std::optional<Refusal> Server::Impl::refuse(const Connection& connection,
                                            const Request& request) const {
  UpdateAttempt attempt;
  attempt.method = view(request.method_string());
  attempt.host = field(request, http::field::host);
  attempt.origin = field(request, http::field::origin);
  attempt.authorization = field(request, http::field::authorization);
  attempt.peer_is_loopback = connection.peer_is_loopback;
  return refuse_update(attempt, options.token);
}

Answer Server::Impl::route(const Request& request, std::string_view path) {
  Answer answer;
  if (path != "/hello" && path != "/status") {
    answer.status = 404;
    answer.body = "there are /hello, /status and /update\n";
    return answer;
  }
  if (request.method() != http::verb::get &&
      request.method() != http::verb::head) {
    answer.status = 405;
    answer.allow = "GET, HEAD";
    answer.body = "this is read by GET\n";
    return answer;
  }
  try {
    if (path == "/hello") {
      answer.body = greeting() + '\n';
    } else {
      answer.body = status_json(upgrader.status(), answered);
      answer.content_type = "application/json";
    }
  } catch (const std::exception& error) {
    log(relaunch::LogLevel::error,
        "cannot answer a request: " + printable(error.what()));
    answer.status = 500;
    answer.body = "something failed\n";
  }
  return answer;
}

template <typename Body>
void Server::Impl::set_common(http::response<Body>& response,
                              bool keep_alive) const {
  response.set("X-Generation", generation);
  response.set(http::field::cache_control, "no-store");
  response.keep_alive(keep_alive);
}

net::awaitable<bool> Server::Impl::send(Connection& connection,
                                        const Answer& answer,
                                        const Request& request,
                                        bool keep_alive) {
  http::response<http::string_body> response;
  response.version(request.version());
  response.result(answer.status);
  response.set(http::field::content_type, answer.content_type);
  if (answer.allow) response.set(http::field::allow, answer.allow);
  if (answer.status == 401) {
    response.set(http::field::www_authenticate, "Bearer");
  }
  set_common(response, keep_alive);
  response.body() = answer.body;
  response.prepare_payload();

  connection.stream.expires_after(kWriteDeadline);
  http::response_serializer<http::string_body> serializer(response);
  boost::system::error_code failure;
  if (request.method() == http::verb::head) {
    const auto [error, size] = co_await http::async_write_header(
        connection.stream, serializer, kTuple);
    failure = error;
  } else {
    const auto [error, size] =
        co_await http::async_write(connection.stream, serializer, kTuple);
    failure = error;
  }
  if (failure) co_return false;
  ++answered;
  if (options.access_log) {
    log(relaunch::LogLevel::info,
        "request: method=" + printable(view(request.method_string())) +
            " target=" + printable(view(request.target())) +
            " status=" + std::to_string(answer.status));
  }
  co_return keep_alive;
}

net::awaitable<bool> Server::Impl::stream_update(
    Connection& connection, const Request& request,
    relaunch::UpgradeRequest wanted) {
  const auto news = connection.news;
  const auto feed = std::make_shared<UpdateFeed>(
      [news] { net::post(news->get_executor(), [news] { news->cancel(); }); });
  // A refusal comes at once, and may still have a status of its own.
  news->expires_after(milliseconds(200));
  upgrader.upgrade(
      wanted, [feed](std::string_view line) { feed->add_line(line); },
      [feed](const relaunch::Outcome& outcome) { feed->end(outcome); });
  connection.stream.expires_never();
  co_await news->async_wait(kTuple);
  if (feed->refused()) {
    Answer refusal;
    refusal.status = 409;
    refusal.body = feed->take().text;
    const bool keep_alive = request.keep_alive() && !leave_at;
    co_return co_await send(connection, refusal, request, keep_alive);
  }

  http::response<http::empty_body> head(http::status::ok, request.version());
  head.set(http::field::content_type, "text/plain; charset=utf-8");
  head.set("X-Content-Type-Options", "nosniff");
  set_common(head, false);
  const bool chunked = request.version() >= 11;
  if (chunked) head.chunked(true);
  http::response_serializer<http::empty_body> serializer(head);
  connection.stream.expires_after(kWriteDeadline);
  const auto [error, size] =
      co_await http::async_write_header(connection.stream, serializer, kTuple);
  if (error) co_return false;
  if (co_await send_news(connection, *feed, chunked)) ++answered;
  co_return false;
}

/// True if all was sent, the outcome too. A client that is gone does not stop
/// the upgrade.
net::awaitable<bool> Server::Impl::send_news(Connection& connection,
                                             UpdateFeed& feed, bool chunked) {
  auto& stream = connection.stream;
  for (bool ended = false; !ended;) {
    const UpdateFeed::News news = feed.take();
    ended = news.result.has_value();
    if (news.text.empty() && !ended) {
      if (connection.given_up) co_return false;
      stream.expires_never();
      connection.news->expires_at(steady_clock::time_point::max());
      co_await connection.news->async_wait(kTuple);
      continue;
    }
    const auto text = net::buffer(news.text);
    stream.expires_after(kWriteDeadline);
    boost::system::error_code failure;
    if (chunked) {
      const auto [error, size] =
          co_await net::async_write(stream, http::make_chunk(text), kTuple);
      failure = error;
    } else {
      const auto [error, size] =
          co_await net::async_write(stream, text, kTuple);
      failure = error;
    }
    if (failure) co_return false;
  }
  if (!chunked) co_return true;
  const auto [error, size] =
      co_await net::async_write(stream, http::make_chunk_last(), kTuple);
  co_return !error;
}

void Server::Impl::enter(Connection& connection) {
  connections.insert(&connection);
  if (leave_at) await_drain_deadline();
}

void Server::Impl::leave(Connection& connection) {
  connections.erase(&connection);
  room.cancel();
  if (connections.empty()) drain_timer.cancel();
}

void Server::Impl::await_drain_deadline() {
  drain_timer.expires_at(*leave_at);
  drain_timer.async_wait(
      [self = shared_from_this()](boost::system::error_code error) {
        if (error) return;
        self->log(relaunch::LogLevel::warning,
                  "drain deadline: connections=" +
                      std::to_string(self->connections.size()) +
                      " are closed unasked");
        for (Connection* each : self->connections) each->give_up();
      });
}

Server::Server(net::io_context& io, relaunch::Upgrader& upgrader,
               const relaunch::Listener& listener, ServerOptions options)
    : impl_(
          std::make_shared<Impl>(io, upgrader, listener, std::move(options))) {
  net::co_spawn(io, impl_->accept_all(), net::detached);
}

// Coroutines may live as long as the context; the acceptor must not.
Server::~Server() { impl_->acceptor.reset(); }

std::uint64_t Server::answered() const { return impl_->answered; }

void Server::drain(steady_clock::time_point deadline) {
  const auto now = steady_clock::now();
  const steady_clock::duration margin = std::min<steady_clock::duration>(
      milliseconds(250), (deadline - now) / 10);
  impl_->leave_at = std::max(now, deadline - margin);
  if (!impl_->connections.empty()) impl_->await_drain_deadline();
}

}  // namespace hello
