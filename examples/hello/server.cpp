#include "server.hpp"

#include <algorithm>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <exception>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "connection.hpp"
#include "greeting.hpp"
#include "guard.hpp"
#include "relaunch/asio.hpp"
#include "status_route.hpp"
#include "text.hpp"
#include "update_route.hpp"

namespace hello {
namespace {

namespace net = boost::asio;
namespace http = boost::beast::http;
using net::ip::tcp;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// More wait in the listener's queue.
constexpr std::size_t kMaxConnections = 1000;

struct Answer {
  unsigned status = 200;
  std::string body;
  const char* content_type = "text/plain; charset=utf-8";
  const char* allow = nullptr;
};

std::optional<std::string_view> field(const Request& request,
                                      http::field name) {
  const auto count = request.count(name);
  if (count == 0) return std::nullopt;
  if (count > 1) return std::string_view();
  const auto value = request[name];
  return std::string_view(value.data(), value.size());
}

std::string_view view(boost::beast::string_view text) {
  return {text.data(), text.size()};
}

}  // namespace

struct Server::Impl : std::enable_shared_from_this<Impl> {
  Impl(net::io_context& io_, relaunch::Upgrader& upgrader_,
       const relaunch::Listener& listener, ServerOptions options_)
      : io(io_),
        upgrader(upgrader_),
        options(std::move(options_)),
        name(listener.name()),
        generation(std::to_string(upgrader.status().generation)),
        acceptor(std::in_place, io, listener),
        room(io),
        drain_timer(io) {}

  net::awaitable<void> accept_all();
  net::awaitable<void> converse(relaunch::asio::Stream stream,
                                std::string unread);
  net::awaitable<bool> answer(Connection& connection, const Request& request);
  net::awaitable<bool> send(Connection& connection, const Answer& answer,
                            const Request& request, bool keep_alive);
  net::awaitable<void> stream_update(Connection& connection,
                                     const Request& request,
                                     relaunch::UpgradeRequest wanted);
  net::awaitable<bool> send_news(Connection& connection, UpdateFeed& feed);

  Answer route(const Request& request, std::string_view path);
  std::optional<Refusal> refuse(const Connection& connection,
                                const Request& request) const;
  Response make_response(const Answer& answer, const Request& request,
                         bool keep_alive) const;
  /// The next request may come to this connection, here or elsewhere.
  bool goes_on(const Connection& connection, const Request& request) const {
    return request.keep_alive() &&
           (!draining || (draining->has_successor() && connection.may_cross()));
  }
  void enter(Connection& connection);
  void leave(Connection& connection);
  void await_drain_deadline();
  void log(relaunch::LogLevel level, const std::string& line) const {
    if (options.log) options.log(level, line);
  }

  net::io_context& io;
  relaunch::Upgrader& upgrader;
  const ServerOptions options;
  const std::string name;
  const std::string generation;
  std::optional<relaunch::asio::Acceptor> acceptor;
  std::set<Connection*> connections;
  net::steady_timer room;  ///< cancelled when a connection has ended
  net::steady_timer drain_timer;
  std::optional<relaunch::Drain> draining;
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
  // Out of memory ends the program here.
  // NOLINTNEXTLINE(bugprone-exception-escape)
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
      boost::system::error_code ignored;
      socket.set_option(tcp::no_delay(true), ignored);
      net::co_spawn(io, converse(std::move(socket), {}), net::detached);
      continue;
    }
    log(relaunch::LogLevel::warning,
        "cannot accept a connection: " + error.message());
    room.expires_after(milliseconds(100));
    co_await room.async_wait(kTuple);
  }
}

net::awaitable<void> Server::Impl::converse(relaunch::asio::Stream stream,
                                            std::string unread) {
  const auto self = shared_from_this();
  Connection connection(std::move(stream), std::move(unread));
  const Presence presence(*this, connection);
  bool keep_alive = true;
  while (keep_alive) {
    if (draining && connection.may_cross()) {
      const bool crossed = co_await connection.hand_over(*draining, name);
      if (crossed) co_return;
    }
    Request request;
    Answer refusal;
    refusal.status = co_await connection.read(request);
    if (refusal.status == Connection::kInterrupted) continue;
    if (refusal.status == 0) co_return;
    if (refusal.status == 200) {
      keep_alive = co_await answer(connection, request);
    } else {
      refusal.body = "this request cannot be read\n";
      keep_alive = co_await send(connection, refusal, Request(), false);
    }
  }
  co_await connection.close_gently();
}

net::awaitable<bool> Server::Impl::answer(Connection& connection,
                                          const Request& request) {
  const auto target = view(request.target());
  const auto question = target.find('?');
  const auto path = target.substr(0, question);
  Answer answer;
  if (path == "/update" || path == "/abort") {
    const auto wanted = parse_update_query(
        question == target.npos ? "" : target.substr(question + 1));
    const auto refusal = refuse(connection, request);
    if (!refusal && path == "/abort") {
      upgrader.abort();
      answer.body = "abandoned, if an update was under way\n";
      co_return co_await send(connection, answer, request,
                              goes_on(connection, request));
    }
    if (!refusal && wanted) {
      co_await stream_update(connection, request, *wanted);
      co_return false;
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
  // In the drain this is the one more answer that a connection gets here.
  const bool keep_alive = goes_on(connection, request);
  co_return co_await send(connection, answer, request, keep_alive);
}

std::optional<Refusal> Server::Impl::refuse(const Connection& connection,
                                            const Request& request) const {
  UpdateAttempt attempt;
  attempt.method = view(request.method_string());
  attempt.host = field(request, http::field::host);
  attempt.origin = field(request, http::field::origin);
  attempt.authorization = field(request, http::field::authorization);
  attempt.peer_is_loopback = connection.peer_is_loopback();
  return refuse_update(attempt, options.token);
}

Answer Server::Impl::route(const Request& request, std::string_view path) {
  Answer answer;
  if (path != "/hello" && path != "/status") {
    answer.status = 404;
    answer.body = "there are /hello, /status, /update and /abort\n";
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

Response Server::Impl::make_response(const Answer& answer,
                                     const Request& request,
                                     bool keep_alive) const {
  Response response;
  response.version(request.version());
  response.result(answer.status);
  response.set(http::field::content_type, answer.content_type);
  response.set(http::field::cache_control, "no-store");
  response.set("X-Content-Type-Options", "nosniff");
  response.set("X-Generation", generation);
  if (answer.allow) response.set(http::field::allow, answer.allow);
  if (answer.status == 401) {
    response.set(http::field::www_authenticate, "Bearer");
  }
  response.keep_alive(keep_alive);
  response.body() = answer.body;
  return response;
}

net::awaitable<bool> Server::Impl::send(Connection& connection,
                                        const Answer& answer,
                                        const Request& request,
                                        bool keep_alive) {
  Response response = make_response(answer, request, keep_alive);
  response.prepare_payload();
  const bool head_only = request.method() == http::verb::head;
  const bool sent = co_await connection.write(response, head_only);
  if (!sent) co_return false;
  ++answered;
  if (options.access_log) {
    log(relaunch::LogLevel::info,
        "request: method=" + printable(view(request.method_string())) +
            " target=" + printable(view(request.target())) +
            " status=" + std::to_string(answer.status));
  }
  co_return keep_alive;
}

net::awaitable<void> Server::Impl::stream_update(
    Connection& connection, const Request& request,
    relaunch::UpgradeRequest wanted) {
  const auto feed = std::make_shared<UpdateFeed>(connection.bell());
  upgrader.upgrade(
      wanted, [feed](std::string_view line) { feed->add_line(line); },
      [feed](const relaunch::Outcome& outcome) { feed->end(outcome); });
  // A refusal comes before everything else, and may still have a status of its
  // own; a build that says nothing for so long has begun.
  co_await connection.wait_for_news(std::chrono::seconds(5));
  Answer answer;
  if (feed->refused()) {
    answer.status = 409;
    answer.body = feed->take().text;
    co_await send(connection, answer, request, false);
    co_return;
  }
  const Response head = make_response(answer, request, false);
  const bool begun = co_await connection.begin_pieces(head);
  if (!begun) co_return;
  const bool told = co_await send_news(connection, *feed);
  if (told) ++answered;
}

/// True if all was sent, the outcome too. A client that is gone does not stop
/// the upgrade.
net::awaitable<bool> Server::Impl::send_news(Connection& connection,
                                             UpdateFeed& feed) {
  for (;;) {
    const UpdateFeed::News news = feed.take();
    if (news.text.empty()) {
      if (connection.given_up()) co_return false;
      co_await connection.wait_for_news(std::chrono::milliseconds(0));
      continue;
    }
    const bool sent = co_await connection.write_piece(news.text);
    if (!sent) co_return false;
    if (news.result) break;
  }
  co_return co_await connection.end_pieces();
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
  if (!impl_->options.takes_connections) return;
  relaunch::asio::on_connection(
      upgrader, impl_->name, io.get_executor(),
      [weak = std::weak_ptr(impl_)](relaunch::asio::TakenStream taken) {
        const auto impl = weak.lock();
        if (!impl) return;
        net::co_spawn(
            impl->io,
            impl->converse(std::move(taken.stream), std::move(taken.unread)),
            net::detached);
      });
}

// Coroutines may live as long as the context; the acceptor must not.
// NOLINTNEXTLINE(bugprone-exception-escape)
Server::~Server() { impl_->acceptor.reset(); }

std::uint64_t Server::answered() const { return impl_->answered; }

void Server::drain(const relaunch::Drain& drain) {
  const auto now = steady_clock::now();
  const auto deadline = drain.deadline();
  impl_->draining = drain;
  const steady_clock::duration margin = std::min<steady_clock::duration>(
      milliseconds(250), (deadline - now) / 10);
  impl_->leave_at = std::max(now, deadline - margin);
  for (Connection* each : impl_->connections) each->interrupt();
  if (!impl_->connections.empty()) impl_->await_drain_deadline();
}

}  // namespace hello
