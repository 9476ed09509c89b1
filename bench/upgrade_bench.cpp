// One upgrade beside the least that a start can cost, turn and turn about.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <string_view>
#include <thread>
#include <vector>

#include "common/base/text.hpp"
#include "common/os/process.hpp"
#include "common/os/system.hpp"
#include "running_server.hpp"
#include "samples.hpp"
#include "support/event_wait.hpp"

namespace relaunch::bench {
namespace {

/// Starts the server's program and waits for its first byte.
void start_for_one_byte() {
  boost::asio::io_context io;
  auto pipe = os::OutputPipe::open(io).value();
  os::LaunchRequest request;
  request.executable = text::path_from_utf8(server_program());
  request.arguments = {server_program(), "one-byte"};
  request.environment = os::own_environment();
  request.output = pipe.child_end();
  auto process = os::launch(request).value();
  pipe.close_child_end();
  bool came = false;
  pipe.start([&](std::string_view) { came = true; });
  test::wait_until(io, [&] { return came; });
}

void upgrade(benchmark::State& state) {
  RunningServer server("library");
  server.upgrade();  // the first one stages what is not there yet
  Samples floor;
  Samples hello;
  Samples ready;
  Samples serving;
  Samples whole;
  Samples gap;
  for (auto step : state) {
    static_cast<void>(step);
    floor.add(time(start_for_one_byte));
    const auto phases = server.upgrade();
    hello.add(phases.at("prepare") - phases.at("launch"));
    ready.add(phases.at("switch") - phases.at("prepare"));
    serving.add(phases.at("probation") - phases.at("launch"));
    whole.add(phases.at("commit"));
    gap.add(server.gap().length());
    state.SetIterationTime(whole.median() / 1e6);
  }
  state.counters["one_byte_us"] = floor.median();
  state.counters["hello_us"] = hello.median();
  state.counters["ready_us"] = ready.median();
  state.counters["serving_us"] = serving.median();
  state.counters["ratio"] = serving.median() / floor.median();
  state.counters["gap_us"] = gap.median();
  state.counters["gap_p95_us"] = gap.percentile(95);
  state.counters["commit_us"] = whole.median();
}
BENCHMARK(upgrade)->UseManualTime()->Unit(benchmark::kMillisecond);

using std::chrono::steady_clock;

/// Asks for a page as soon as it has had the last one, each time on a new
/// connection, and notes when each has come.
class Knocker {
 public:
  explicit Knocker(std::uint16_t port)
      : thread_{[this, port] {
          while (!stopped_) {
            ask(port);
            answered_.push_back(steady_clock::now());
          }
        }} {}
  /// When the answers came, in order.
  std::vector<steady_clock::time_point> stop() {
    stopped_ = true;
    thread_.join();
    return std::move(answered_);
  }

 private:
  static void ask(std::uint16_t port) {
    namespace net = boost::asio;
    constexpr std::string_view kRequest =
        "GET / HTTP/1.1\r\nConnection: close\r\n\r\n";
    net::io_context io{1};
    net::ip::tcp::socket socket{io};
    char answer[512];
    boost::system::error_code end;
    socket.connect({net::ip::address_v4::loopback(), port});
    net::write(socket, net::buffer(kRequest));
    net::read(socket, net::buffer(answer), end);
  }

  std::atomic<bool> stopped_{false};
  std::vector<steady_clock::time_point> answered_;
  std::thread thread_;
};

/// The same gap, as a client sees it who knocks all the time.
void gap_from_outside(benchmark::State& state) {
  RunningServer server("library");
  server.upgrade();
  Samples inside;
  Samples outside;
  Samples usual;
  for (auto step : state) {
    static_cast<void>(step);
    Knocker knocker{server.port()};
    server.upgrade();
    const auto answered = knocker.stop();
    const auto gap = server.gap();
    inside.add(gap.length());
    for (std::size_t i = 1; i < answered.size(); ++i) {
      const auto apart = answered[i] - answered[i - 1];
      const bool spans = answered[i - 1] < gap.end && answered[i] >= gap.end;
      spans ? outside.add(apart) : usual.add(apart);
    }
  }
  state.counters["gap_us"] = inside.median();
  state.counters["between_answers_us"] = usual.median();
  state.counters["across_gap_us"] = outside.median();
  state.counters["across_gap_p95_us"] = outside.percentile(95);
}
BENCHMARK(gap_from_outside)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace relaunch::bench
