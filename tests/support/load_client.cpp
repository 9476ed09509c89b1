#include "support/load_client.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <sstream>
#include <thread>
#include <utility>

namespace relaunch::test {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::size_t kNotes = 10;

struct Connection {
  explicit Connection(asio::io_context& io) : stream(io) {}
  beast::tcp_stream stream;
  beast::flat_buffer buffer;
  unsigned answers = 0;
};
using ConnectionPtr = std::unique_ptr<Connection>;

struct Trouble {
  Failure kind;
  std::string text;
};

Failure kind_of(const error_code& error) {
  if (error == beast::error::timeout) return Failure::timed_out;
  if (error == asio::error::connection_refused) return Failure::refused;
  if (error == asio::error::connection_reset ||
      error == asio::error::connection_aborted ||
      error == asio::error::broken_pipe) {
    return Failure::reset;
  }
  if (error == http::error::end_of_stream || error == asio::error::eof) {
    return Failure::closed;
  }
  if (error == http::error::partial_message) return Failure::truncated;
  if (error.category() ==
      http::make_error_code(http::error::bad_version).category()) {
    return Failure::wrong;
  }
  return Failure::other;
}

Trouble trouble(std::string_view doing, const error_code& error,
                const Connection& connection) {
  std::string text{doing};
  text += ": " + error.message();
  if (connection.answers > 0) {
    text += " (kept connection, " + std::to_string(connection.answers) +
            " answers before)";
  }
  return {kind_of(error), std::move(text)};
}

}  // namespace

struct LoadClient::Impl {
  explicit Impl(LoadPlan the_plan)
      : plan(std::move(the_plan)),
        endpoint(asio::ip::make_address(plan.host), plan.port),
        ticker(io) {
    interval = std::chrono::duration_cast<steady_clock::duration>(
        std::chrono::duration<double>(1 / plan.per_second));
    began = last_good = steady_clock::now();
    asio::co_spawn(io, keep_pace(), asio::detached);
    thread = std::thread([this] { io.run(); });
  }

  // On the client's thread -------------------------------------------------

  asio::awaitable<void> keep_pace() {
    auto due = began;
    while (!stopping) {
      // Never "now plus interval": being late must not thin out the requests.
      due += interval;
      error_code cancelled;
      ticker.expires_at(due);
      co_await ticker.async_wait(
          asio::redirect_error(asio::use_awaitable, cancelled));
      if (stopping) break;
      begin_request(due);
    }
  }

  void begin_request(steady_clock::time_point due) {
    count_due();
    if (outstanding >= plan.in_flight) {
      return count_failure({Failure::overrun, "too many outstanding"});
    }
    ++outstanding;
    asio::co_spawn(io, one_request(due), asio::detached);
  }

  asio::awaitable<void> one_request(steady_clock::time_point due) {
    ConnectionPtr connection = take_connection();
    std::optional<Trouble> failure = co_await exchange(connection, due);
    if (plan.on_end) {
      plan.on_end(
          std::chrono::duration_cast<microseconds>(due - began),
          std::chrono::duration_cast<microseconds>(steady_clock::now() - due),
          !failure);
    }
    if (failure) count_failure(std::move(*failure));
    if (connection) idle.push_back(std::move(connection));
    if (--outstanding == 0 && stopping) idle.clear();
  }

  /// An idle kept connection, the one that has waited longest, or a new one.
  ConnectionPtr take_connection() {
    const bool keep = plan.connections == Connections::kept;
    if (keep && !idle.empty() && idle.size() + outstanding > plan.kept) {
      ConnectionPtr connection = std::move(idle.front());
      idle.pop_front();
      return connection;
    }
    const std::lock_guard lock(mutex);
    ++so_far.connections;
    return std::make_unique<Connection>(io);
  }

  /// Resets `connection` when it cannot be used again. A kept connection that
  /// turns out to be closed is a failure, not a reason to try another one.
  asio::awaitable<std::optional<Trouble>> exchange(
      ConnectionPtr& connection, steady_clock::time_point due) {
    ConnectionPtr own = std::move(connection);
    beast::tcp_stream& stream = own->stream;
    error_code error;
    const auto token = [&error] {
      return asio::redirect_error(asio::use_awaitable, error);
    };

    stream.expires_at(due + plan.timeout);
    if (!stream.socket().is_open()) {
      co_await stream.async_connect(endpoint, token());
      if (error) co_return trouble("connect", error, *own);
      stream.socket().set_option(tcp::no_delay(true), error);
    }
    const bool keep = plan.connections == Connections::kept;
    http::request<http::empty_body> request{http::verb::get, plan.path, 11};
    request.set(http::field::host, plan.host);
    request.keep_alive(keep);
    co_await http::async_write(stream, request, token());
    if (error) co_return trouble("send", error, *own);

    http::response<http::string_body> answer;
    co_await http::async_read(stream, own->buffer, answer, token());
    if (error) co_return trouble("receive", error, *own);
    ++own->answers;
    stream.expires_never();

    const bool again = keep && answer.keep_alive();
    if (!again) stream.socket().shutdown(tcp::socket::shutdown_both, error);
    if (again) connection = std::move(own);
    co_return judge(answer, due);
  }

  std::optional<Trouble> judge(const http::response<http::string_body>& answer,
                               steady_clock::time_point due) {
    const auto field = answer["X-Generation"];
    std::string generation(field.data(), field.size());
    const bool right = answer.result() == http::status::ok &&
                       (!plan.expected || plan.expected(answer.body()));
    if (!right) {
      return Trouble{Failure::wrong, "generation " + generation + " answered " +
                                         std::to_string(answer.result_int()) +
                                         " \"" + answer.body().substr(0, 60) +
                                         '"'};
    }
    count_good(std::move(generation), due);
    return std::nullopt;
  }

  // What is counted, seen from every thread --------------------------------

  void count_due() {
    const std::lock_guard lock(mutex);
    ++so_far.due;
    changed.notify_all();
  }

  void count_failure(Trouble what) {
    const auto at =
        std::chrono::duration_cast<milliseconds>(steady_clock::now() - began);
    const std::lock_guard lock(mutex);
    ++so_far.failures[static_cast<std::size_t>(what.kind)];
    if (so_far.first_failures.size() < kNotes) {
      so_far.first_failures.push_back({at, what.kind, std::move(what.text)});
    }
    changed.notify_all();
  }

  void count_good(std::string generation, steady_clock::time_point due) {
    const auto now = steady_clock::now();
    const std::lock_guard lock(mutex);
    ++so_far.ok;
    ++so_far.generations[std::move(generation)];
    so_far.latencies.push_back(
        std::chrono::duration_cast<microseconds>(now - due));
    note_quiet(now);
    last_good = now;
    changed.notify_all();
  }

  void note_quiet(steady_clock::time_point until) {
    so_far.longest_quiet =
        std::max(so_far.longest_quiet,
                 std::chrono::duration_cast<microseconds>(until - last_good));
  }

  LoadReport copy() {
    const std::lock_guard lock(mutex);
    if (!ended) note_quiet(steady_clock::now());
    LoadReport report = so_far;
    std::sort(report.latencies.begin(), report.latencies.end());
    return report;
  }

  const LoadPlan plan;
  asio::io_context io{1};
  const tcp::endpoint endpoint;
  asio::steady_timer ticker;
  steady_clock::duration interval{};
  steady_clock::time_point began;
  std::deque<ConnectionPtr> idle;
  std::size_t outstanding = 0;
  bool stopping = false;

  std::mutex mutex;
  std::condition_variable changed;
  LoadReport so_far;
  steady_clock::time_point last_good;
  bool ended = false;

  std::thread thread;
};

LoadClient::LoadClient(LoadPlan plan)
    : impl_(std::make_unique<Impl>(std::move(plan))) {}

LoadClient::~LoadClient() { stop(); }

bool LoadClient::wait_for_answers(std::uint64_t more,
                                  milliseconds deadline) const {
  std::unique_lock lock(impl_->mutex);
  const std::uint64_t wanted = impl_->so_far.ok + more;
  return impl_->changed.wait_for(lock, deadline,
                                 [&] { return impl_->so_far.ok >= wanted; });
}

bool LoadClient::wait_until(const std::function<bool(const LoadReport&)>& holds,
                            milliseconds deadline) const {
  std::unique_lock lock(impl_->mutex);
  return impl_->changed.wait_for(lock, deadline,
                                 [&] { return holds(impl_->so_far); });
}

LoadReport LoadClient::report() const { return impl_->copy(); }

void LoadClient::restart_quiet() {
  const std::lock_guard lock(impl_->mutex);
  impl_->so_far.longest_quiet = microseconds{0};
}

LoadReport LoadClient::stop() {
  if (impl_->thread.joinable()) {
    {
      const std::lock_guard lock(impl_->mutex);
      impl_->note_quiet(steady_clock::now());
      impl_->ended = true;
    }
    asio::post(impl_->io, [impl = impl_.get()] {
      impl->stopping = true;
      impl->ticker.cancel();
      if (impl->outstanding == 0) impl->idle.clear();
    });
    impl_->thread.join();
  }
  return impl_->copy();
}

// The report ---------------------------------------------------------------

std::string_view to_string(Failure kind) {
  constexpr std::string_view kNames[kFailureKinds] = {
      "refused",   "reset",     "closed without an answer",
      "truncated", "timed out", "wrong answer",
      "overrun",   "other"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::uint64_t LoadReport::failed() const {
  std::uint64_t sum = 0;
  for (const std::uint64_t count : failures) sum += count;
  return sum;
}

microseconds LoadReport::percentile(double percent) const {
  if (latencies.empty()) return microseconds{0};
  const auto last = static_cast<double>(latencies.size() - 1);
  return latencies[static_cast<std::size_t>(last * percent / 100 + 0.5)];
}

std::string LoadReport::text() const {
  std::ostringstream out;
  out << "requests=" << due << " ok=" << ok << " failed=" << failed()
      << " connections=" << connections
      << " quiet_ms=" << longest_quiet.count() / 1000
      << " p50_us=" << percentile(50).count()
      << " p99_us=" << percentile(99).count()
      << " max_us=" << percentile(100).count() << '\n';
  for (std::size_t kind = 0; kind < kFailureKinds; ++kind) {
    if (failures[kind] == 0) continue;
    out << "  " << to_string(static_cast<Failure>(kind)) << ": "
        << failures[kind] << '\n';
  }
  for (const auto& [generation, count] : generations) {
    out << "  generation " << generation << ": " << count << " answers\n";
  }
  for (const FailureNote& note : first_failures) {
    out << "  at " << note.at.count() << " ms: " << to_string(note.kind) << ": "
        << note.text << '\n';
  }
  return out.str();
}

}  // namespace relaunch::test
