// For how long a client hears nothing while its connection crosses among many,
// each with 1 KiB of state: as an application does it that hands over so many
// at a time, all at once, and by the bare calls of the system.
#include <benchmark/benchmark.h>

#include <array>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/handover/connection_giver.hpp"
#include "common/handover/connection_taker.hpp"
#include "connected.hpp"
#include "raw_handover.hpp"
#include "relaunch/asio.hpp"
#include "samples.hpp"
#include "support/child.hpp"
#include "support/event_wait.hpp"
#include "support/system_facts.hpp"

namespace relaunch::bench {
namespace {

namespace net = boost::asio;
using Clock = std::chrono::steady_clock;

/// Among all of them, evenly spread, these ask all the time.
constexpr std::size_t kAsking = 20;

/// Asks again a moment after it has been answered, so that the cores are not
/// busy with that alone, and knows its longest wait.
class Asking : public std::enable_shared_from_this<Asking> {
 public:
  explicit Asking(asio::Stream stream)
      : stream_(std::move(stream)), pause_(stream_.get_executor()) {}

  void ask() {
    asked_ = Clock::now();
    net::async_write(stream_, net::buffer(byte_),
                     [self = shared_from_this()](auto error, auto) {
                       if (error) return self->fail();
                       self->hear();
                     });
  }
  Clock::duration longest() const { return longest_; }
  void forget() { longest_ = {}; }

 private:
  void hear() {
    stream_.async_read_some(net::buffer(byte_), [self = shared_from_this()](
                                                    auto error, auto) {
      if (error) return self->fail();
      self->longest_ = std::max(self->longest_, Clock::now() - self->asked_);
      self->pause_.expires_after(std::chrono::milliseconds{1});
      self->pause_.async_wait([self](auto) { self->ask(); });
    });
  }
  /// A connection that is lost is as good as one that is never answered.
  void fail() { longest_ = std::chrono::hours{1}; }

  asio::Stream stream_;
  net::steady_timer pause_;
  std::array<char, 1> byte_{'?'};
  Clock::time_point asked_;
  Clock::duration longest_{};
};

asio::Stream stream_of(net::io_context& io, native_socket socket) {
  boost::system::error_code failure;
  auto stream = asio::detail::adopt_stream(io.get_executor(), socket, failure);
  if (failure) throw std::runtime_error("no stream");
  return stream;
}

// For each byte on the channel it answers the longest wait since the last one,
// in microseconds.
RELAUNCH_CHILD_MAIN(asking_clients) {
  auto sockets = connect_all(args);
  net::io_context io{1};
  std::vector<std::shared_ptr<Asking>> asking;
  for (std::size_t i = 0; i < kAsking; ++i) {
    auto& socket = sockets[i * sockets.size() / kAsking];
    asking.push_back(std::make_shared<Asking>(stream_of(io, socket.release())));
    asking.back()->ask();
  }
  const native_handle end = test::passed_handle(kChannel);
  net::posix::stream_descriptor orders{io, end};
  std::function<void()> wait = [&] {
    orders.async_wait(net::posix::descriptor_base::wait_read, [&](auto error) {
      if (error || read_bytes(end, 1) == "e") return io.stop();
      Clock::duration longest{};
      for (const auto& each : asking) {
        longest = std::max(longest, each->longest());
        each->forget();
      }
      const auto us =
          std::chrono::duration_cast<std::chrono::microseconds>(longest);
      auto digits = std::to_string(us.count());
      digits.resize(10, ' ');
      write_bytes(end, digits);
      wait();
    });
  };
  wait();
  io.run_for(kPatience);
  return 0;
}

/// Answers whoever asks, until it is to stop.
class Answering : public std::enable_shared_from_this<Answering> {
 public:
  using Stopped = std::function<void(native_socket)>;

  explicit Answering(asio::Stream stream) : stream_(std::move(stream)) {}

  void listen() {
    stream_.async_read_some(
        net::buffer(bytes_),
        net::bind_cancellation_slot(
            stop_.slot(), [self = shared_from_this()](auto error, auto size) {
              if (!error) return self->answer(size);
              boost::system::error_code failure;
              if (self->stopped_) {
                self->stopped_(self->stream_.release(failure));
              }
            }));
  }
  /// Nothing is pending on the socket when it is told.
  void stop(Stopped stopped) {
    stopped_ = std::move(stopped);
    stop_.emit(net::cancellation_type::total);
  }

 private:
  void answer(std::size_t size) {
    net::async_write(stream_, net::buffer(bytes_, size),
                     [self = shared_from_this()](auto error, auto) {
                       if (error) return;
                       self->listen();
                       if (self->stopped_) {
                         self->stop_.emit(net::cancellation_type::total);
                       }
                     });
  }

  asio::Stream stream_;
  std::array<char, 64> bytes_{};
  net::cancellation_signal stop_;
  Stopped stopped_;
};

void answer_on(net::io_context& io, native_socket socket) {
  std::make_shared<Answering>(stream_of(io, socket))->listen();
}

RELAUNCH_CHILD_MAIN(answering) {
  net::io_context io{1};
  test::allow_handles(std::stoul(args.at(0)) + 100);
  handover::PeerLink link{io, os::Handle{test::passed_handle(kChannel)},
                          std::make_shared<os::Process>()};
  const handover::ConnectionTakers::Take take = [&](Connection each) {
    answer_on(io, each.release());
  };
  link.start(
      [&](const protocol::Message& message, std::vector<os::Incoming> sockets) {
        handover::take_connections(
            link,
            [&](const std::string&)
                -> Result<handover::ConnectionTakers::Take> { return take; },
            std::get<protocol::Connections>(message), std::move(sockets),
            [](const auto& taker, Connection each) { taker(std::move(each)); });
      },
      [&](const Error&) { io.stop(); });
  io.run_for(kPatience);
  return 0;
}

RELAUNCH_CHILD_MAIN(answering_raw) {
  const native_handle end = test::passed_handle(kChannel);
  const std::size_t count = std::stoul(args.at(0));
  test::allow_handles(count + 100);
  write_bytes(end, ".");
  auto sockets = take_sockets(end, count);
  std::vector<std::string> states;
  for (std::size_t i = 0; i < count; ++i) {
    states.push_back(read_bytes(end, kStateBytes));
  }
  net::io_context io{1};
  for (auto& socket : sockets) answer_on(io, socket.release());
  write_bytes(end, ".");
  io.run_for(kPatience);
  return 0;
}

/// An incumbent that answers on all connections, and its clients.
class Incumbent {
 public:
  explicit Incumbent(std::size_t count) : connected_(count, "asking_clients") {
    for (auto& socket : connected_.sockets()) {
      answering_.push_back(
          std::make_shared<Answering>(stream_of(io, socket.release())));
      answering_.back()->listen();
    }
    io.run_for(std::chrono::milliseconds{200});
    longest_wait();  // that of the beginning
  }

  /// Of any client that asks, since the last call.
  double longest_wait() {
    const native_handle end = connected_.clients().ours.get();
    write_bytes(end, "?");
    std::string answer;
    net::posix::stream_descriptor told{io, ::dup(end)};
    bool done = false;
    told.async_wait(net::posix::descriptor_base::wait_read,
                    [&](auto) { done = true; });
    run_until([&] { return done; });
    return std::stod(read_bytes(end, 10));
  }
  void run_until(const std::function<bool()>& done) {
    if (!test::wait_until(io, done, kPatience)) {
      throw std::runtime_error("it does not end");
    }
  }
  void run_calmly() { io.run_for(std::chrono::milliseconds{100}); }

  net::io_context io{1};
  std::vector<std::shared_ptr<Answering>>& answering() { return answering_; }
  void forget() { answering_.clear(); }

 private:
  Connected connected_;
  std::vector<std::shared_ptr<Answering>> answering_;
};

/// At most `at_a_time` have stopped and not crossed yet.
double silence(std::size_t count, std::size_t at_a_time, Samples* calm) {
  Incumbent incumbent{count};
  Child child{"answering", {std::to_string(count)}};
  handover::PeerLink link{incumbent.io, std::move(child.ours), child.process};
  handover::ConnectionGiver giver{incumbent.io, link};
  link.start(
      [&](const protocol::Message& message, std::vector<os::Incoming>) {
        giver.taken(std::get<protocol::ConnectionsTaken>(message));
      },
      [&](const Error& error) { giver.lost(error); });
  std::size_t next = 0;
  std::size_t ended = 0;
  std::function<void()> give_next = [&] {
    if (next == count) return;
    incumbent.answering()[next++]->stop([&](native_socket socket) {
      giver.give("chat", Connection{socket, std::string(kStateBytes, 's'), {}},
                 [&](const std::optional<Error>& error, const Connection&) {
                   if (error) throw *error;
                   ++ended;
                   give_next();
                 });
    });
  };
  // The child is there when it has one.
  give_next();
  next = count;
  incumbent.run_until([&] { return ended == 1; });
  next = 1;
  incumbent.longest_wait();
  incumbent.run_calmly();
  calm->add(incumbent.longest_wait());
  for (std::size_t i = 0; i < at_a_time; ++i) give_next();
  incumbent.run_until([&] { return ended == count; });
  return incumbent.longest_wait();
}

double silence_raw(std::size_t count) {
  Incumbent incumbent{count};
  Child child{"answering_raw", {std::to_string(count)}};
  const native_handle end = child.ours.get();
  read_bytes(end, 1);
  incumbent.longest_wait();
  std::vector<native_socket> all;
  for (const auto& each : incumbent.answering()) {
    each->stop([&](native_socket socket) { all.push_back(socket); });
  }
  incumbent.run_until([&] { return all.size() == count; });
  give_sockets(end, all, *child.process);
  const std::string state(kStateBytes, 's');
  for (std::size_t i = 0; i < count; ++i) write_bytes(end, state);
  read_bytes(end, 1);
  for (const native_socket each : all) ::close(each);
  return incumbent.longest_wait();
}

void longest_silence(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  test::allow_handles(count + 1000);
  Samples calm;
  Samples few;
  Samples all;
  Samples raw;
  for (auto step : state) {
    static_cast<void>(step);
    few.add(silence(count, 128, &calm));
    all.add(silence(count, count, &calm));
    raw.add(silence_raw(count));
    state.SetIterationTime(few.median() / 1e6);
  }
  state.counters["calm_us"] = calm.median();
  state.counters["library_128_at_a_time_us"] = few.median();
  state.counters["worst_128_us"] = few.percentile(100);
  state.counters["library_at_once_us"] = all.median();
  state.counters["raw_us"] = raw.median();
}
BENCHMARK(longest_silence)
    ->Arg(10'000)
    ->UseManualTime()
    ->Iterations(5)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace relaunch::bench
