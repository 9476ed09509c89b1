// One upgrade beside the least that a start can cost, turn and turn about.
#include <benchmark/benchmark.h>

#include <boost/asio/io_context.hpp>

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
    gap.add(server.gap());
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

}  // namespace
}  // namespace relaunch::bench
