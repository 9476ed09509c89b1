// A state to another process, beside the time that it takes to fill a memfd
// with as many bytes; turn and turn about.
#include <benchmark/benchmark.h>
#include <sys/mman.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <cstring>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "common/handover/crossing.hpp"
#include "raw_handover.hpp"
#include "samples.hpp"
#include "support/child.hpp"
#include "support/event_wait.hpp"

namespace relaunch::bench {
namespace {

using handover::Crossing;
using std::chrono::steady_clock;

constexpr char kLink[] = "RELAUNCH_BENCH_LINK";
constexpr char kAnswer[] = "RELAUNCH_BENCH_ANSWER";
constexpr std::size_t kPiece = std::size_t{1} << 20;

/// Callbacks where they come up.
Crossing::Call call_here() {
  return [](const char*, const std::function<void()>& work,
            const Crossing::Done& done) {
    work();
    done();
  };
}

/// Private memory of this process, that no other one shares.
std::size_t private_kib() {
  std::ifstream status{"/proc/self/status"};
  std::size_t kib = 0;
  for (std::string key; status >> key;) {
    if (key == "RssAnon:") status >> kib;
  }
  return kib;
}

/// On its own clock: from the question until the first byte has been read.
/// Answers with two numbers: microseconds, and KiB of private memory more.
RELAUNCH_CHILD_MAIN(reading_a_state) {
  upgrade::Context context;
  Crossing crossing{context, call_here()};
  const native_handle answer = test::passed_handle(kAnswer);
  crossing.take_from(os::Handle{test::passed_handle(kLink)},
                     std::make_shared<os::Process>());
  const auto work = boost::asio::make_work_guard(context.io);
  std::thread library{[&] { context.io.run(); }};
  StateWish wish;
  wish.limit = UINT64_MAX >> 1;
  const std::size_t before = private_kib();
  const auto began = steady_clock::now();
  const State state = crossing.pull_state("cache", wish).value();
  volatile std::byte first = state.data()[0];
  static_cast<void>(first);
  const auto took = steady_clock::now() - began;
  const std::uint64_t numbers[] = {
      static_cast<std::uint64_t>(
          std::chrono::duration_cast<std::chrono::microseconds>(took).count()),
      private_kib() - before};
  write_bytes(answer, {reinterpret_cast<const char*>(numbers), sizeof numbers});
  read_bytes(answer, 1);  // until it may end
  context.io.stop();
  library.join();
  return 0;
}

struct Pulled {
  double microseconds = 0;
  double kib = 0;
};

Pulled pull(const std::string& source) {
  auto link = os::make_channel_pair().value();
  auto answer = os::make_channel_pair().value();
  auto request = test::child_request("reading_a_state", {});
  request.handles.push_back({kLink, link.theirs.get()});
  request.handles.push_back({kAnswer, answer.theirs.get()});
  upgrade::Context context;
  Crossing crossing{context, call_here()};
  StateOffer offer;
  offer.limit = source.size();
  offer.write = [&](StateWriter& out) { out.write(source); };
  crossing.provisions().add_state("cache", std::move(offer)).value();
  auto child = std::make_shared<os::Process>(os::launch(request).value());
  answer.theirs.reset();
  crossing.give_to(std::move(link.ours), child);
  const auto work = boost::asio::make_work_guard(context.io);
  std::thread library{[&] { context.io.run(); }};
  std::uint64_t numbers[2] = {};
  const std::string bytes = read_bytes(answer.ours.get(), sizeof numbers);
  std::memcpy(numbers, bytes.data(), sizeof numbers);
  write_bytes(answer.ours.get(), ".");
  test::wait_for_end(*child);
  child->exit_status();
  context.io.stop();
  library.join();
  return {static_cast<double>(numbers[0]), static_cast<double>(numbers[1])};
}

/// The least that it takes: the bytes into a memfd.
steady_clock::duration fill(const std::string& source) {
  const os::Handle memory{::memfd_create("bench", MFD_CLOEXEC)};
  return time([&] {
    for (std::size_t at = 0; at < source.size(); at += kPiece) {
      if (::write(memory.get(), source.data() + at, kPiece) !=
          static_cast<ssize_t>(kPiece)) {
        throw std::runtime_error("no room");
      }
    }
  });
}

/// The same through a mapping, which must be gone before it can be sealed.
steady_clock::duration fill_mapped(const std::string& source) {
  const os::Handle memory{::memfd_create("bench", MFD_CLOEXEC)};
  return time([&] {
    const auto size = static_cast<off_t>(source.size());
    if (::ftruncate(memory.get(), size) != 0) {
      throw std::runtime_error("no room");
    }
    void* view = ::mmap(nullptr, source.size(), PROT_READ | PROT_WRITE,
                        MAP_SHARED, memory.get(), 0);
    if (view == MAP_FAILED) throw std::runtime_error("no mapping");
    std::memcpy(view, source.data(), source.size());
    ::munmap(view, source.size());
  });
}

void state(benchmark::State& state) {
  std::string source(static_cast<std::size_t>(state.range(0)) << 20, '\0');
  for (std::size_t i = 0; i < source.size(); ++i) {
    source[i] = static_cast<char>(i * 31 + (i >> 12));
  }
  Samples library;
  Samples raw;
  Samples mapped;
  Samples more;
  for (auto step : state) {
    static_cast<void>(step);
    const Pulled pulled = pull(source);
    library.add(pulled.microseconds);
    more.add(pulled.kib);
    raw.add(fill(source));
    mapped.add(fill_mapped(source));
    state.SetIterationTime(pulled.microseconds / 1e6);
  }
  state.counters["library_us"] = library.median();
  state.counters["fill_us"] = raw.median();
  state.counters["fill_mapped_us"] = mapped.median();
  state.counters["ratio"] = library.median() / raw.median();
  state.counters["private_kib"] = more.median();
}
BENCHMARK(state)->Arg(1)->Arg(64)->Arg(1024)->UseManualTime()->Unit(
    benchmark::kMillisecond);

}  // namespace
}  // namespace relaunch::bench
