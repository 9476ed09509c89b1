// Listeners to another process, beside the bare calls of the system with the
// same checks; turn and turn about.
#include <benchmark/benchmark.h>

#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/handover/generation_link.hpp"
#include "common/os/listener.hpp"
#include "common/os/system.hpp"
#include "common/upgrade/departures.hpp"
#include "common/upgrade/this_generation.hpp"
#include "raw_handover.hpp"
#include "samples.hpp"
#include "support/child.hpp"
#include "support/event_wait.hpp"
#include "support/scratch_folder.hpp"
#include "support/system_facts.hpp"

namespace relaunch::bench {
namespace {

using std::chrono::steady_clock;

constexpr char kAddress[] = "tcp://127.77.0.1:0";
constexpr char kRawChannel[] = "RELAUNCH_BENCH_CHANNEL";
constexpr std::chrono::milliseconds kPatience{60'000};

RELAUNCH_CHILD_MAIN(successor) {
  boost::asio::io_context io;
  const auto work = boost::asio::make_work_guard(io);
  Options options;
  options.name = "bench";
  options.state_folder = text::path_from_utf8(args.at(0));
  const Upgrader upgrader{options};
  io.run_for(kPatience);  // until it is killed
  return 0;
}

RELAUNCH_CHILD_MAIN(raw_successor) {
  const native_handle end = test::passed_handle(kRawChannel);
  const auto expected = Address::parse(kAddress).value();
  write_bytes(end, ".");
  const auto sockets = take_sockets(end, std::stoul(args.at(0)));
  for (const auto& socket : sockets) {
    os::check_listener(socket.get(), expected).value();
  }
  write_bytes(end, ".");
  read_bytes(end, 1);  // until it may end
  return 0;
}

/// What gives its listeners away, as often as it is asked to.
class Giver {
 public:
  explicit Giver(std::size_t count) : self_(context_), departures_(context_) {
    test::allow_handles(count + 1000);
    os::start_sockets().value();
    const auto program = os::running_executable().value();
    context_.options.deadlines.hello = kPatience;
    context_.launched = {{text::utf8(program), "--child=successor",
                          text::utf8(folder_ / "state")},
                         {},
                         os::own_environment()};
    for (std::size_t i = 0; i < count; ++i) {
      self_.listeners()
          .claim("listener number " + std::to_string(i), kAddress)
          .value();
    }
    for (const auto& entry : self_.listeners().entries()) {
      sockets_.push_back(entry.socket);
    }
  }

  /// From the successor's hello until it has adopted everything.
  steady_clock::duration give() {
    steady_clock::time_point began;
    steady_clock::time_point ended;
    bool gone = false;
    handover::GenerationLink* told = nullptr;
    handover::GenerationLink link{
        context_, self_.listeners(), departures_,
        [&](const upgrade::CoordinatorEvent& event) {
          if (std::get_if<upgrade::event::HelloReceived>(&event)) {
            began = steady_clock::now();
            told->welcome();
          } else if (std::get_if<upgrade::event::Adopted>(&event)) {
            ended = steady_clock::now();
          } else if (std::get_if<upgrade::event::SuccessorGone>(&event)) {
            gone = true;
          }
        }};
    told = &link;
    link.launch({"bench", os::running_executable().value()}, context_.launched)
        .value();
    test::wait_until(
        context_.io, [&] { return gone || ended > began; }, kPatience);
    link.kill();
    test::wait_until(
        context_.io, [&] { return gone; }, kPatience);
    if (ended <= began) throw std::runtime_error("no handover");
    return ended - began;
  }

  /// From its first byte until it has checked everything.
  steady_clock::duration give_raw() {
    auto pair = os::make_channel_pair().value();
    auto request =
        test::child_request("raw_successor", {std::to_string(sockets_.size())});
    request.handles.push_back({kRawChannel, pair.theirs.get()});
    auto process = os::launch(request).value();
    pair.theirs.reset();
    read_bytes(pair.ours.get(), 1);
    const auto length = time([&] {
      give_sockets(pair.ours.get(), sockets_, process);
      read_bytes(pair.ours.get(), 1);
    });
    write_bytes(pair.ours.get(), ".");
    test::wait_for_end(process);
    process.exit_status();
    return length;
  }

 private:
  test::ScratchFolder folder_;
  upgrade::Context context_;
  upgrade::ThisGeneration self_;
  upgrade::Departures departures_;
  std::vector<native_socket> sockets_;
};

void handover(benchmark::State& state) {
  Giver giver{static_cast<std::size_t>(state.range(0))};
  Samples library;
  Samples raw;
  for (auto step : state) {
    static_cast<void>(step);
    const auto length = giver.give();
    library.add(length);
    raw.add(giver.give_raw());
    state.SetIterationTime(std::chrono::duration<double>(length).count());
  }
  state.counters["library_us"] = library.median();
  state.counters["raw_us"] = raw.median();
  state.counters["ratio"] = library.median() / raw.median();
}
BENCHMARK(handover)->Arg(1)->Arg(100)->Arg(10'000)->UseManualTime()->Unit(
    benchmark::kMillisecond);

}  // namespace
}  // namespace relaunch::bench
