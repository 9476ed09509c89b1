// Live connections with 1 KiB of state each to another process, beside the bare
// calls of the system; turn and turn about.
#include <benchmark/benchmark.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/handover/connection_giver.hpp"
#include "common/handover/connection_taker.hpp"
#include "common/os/connection.hpp"
#include "connected.hpp"
#include "raw_handover.hpp"
#include "samples.hpp"
#include "support/child.hpp"
#include "support/event_wait.hpp"
#include "support/system_facts.hpp"

namespace relaunch::bench {
namespace {

RELAUNCH_CHILD_MAIN(connecting_clients) {
  const auto clients = connect_all(args);
  read_bytes(test::passed_handle(kChannel), 1);  // until it may end
  return 0;
}

RELAUNCH_CHILD_MAIN(taking_connections) {
  boost::asio::io_context io;
  const std::size_t count = std::stoul(args.at(0));
  test::allow_handles(count + 100);
  handover::PeerLink link{io, os::Handle{test::passed_handle(kChannel)},
                          std::make_shared<os::Process>()};
  handover::ConnectionTakers takers;
  std::vector<Connection> taken;
  takers
      .add(
          "chat", [&](Connection each) { taken.push_back(std::move(each)); },
          count)
      .value();
  link.start(
      [&](const protocol::Message& message, std::vector<os::Incoming> sockets) {
        handover::take_connections(
            link, [&](const std::string& name) { return takers.find(name); },
            std::get<protocol::Connections>(message), std::move(sockets),
            [](const handover::ConnectionTakers::Take& take,
               Connection connection) { take(std::move(connection)); });
      },
      [&](const Error&) { io.stop(); });
  io.run_for(kPatience);
  return 0;
}

RELAUNCH_CHILD_MAIN(taking_raw_connections) {
  const native_handle end = test::passed_handle(kChannel);
  const std::size_t count = std::stoul(args.at(0));
  test::allow_handles(count + 100);
  write_bytes(end, ".");
  const auto sockets = take_sockets(end, count);
  std::vector<std::string> states;
  for (const auto& socket : sockets) {
    os::check_connected(socket.get()).value();
    states.push_back(read_bytes(end, kStateBytes));
  }
  write_bytes(end, ".");
  read_bytes(end, 1);  // until it may end
  return 0;
}

/// Ready to go: the other process is there.
class Giving {
 public:
  explicit Giving(std::size_t count)
      : connected_(count),
        child_("taking_connections", {std::to_string(count)}),
        link_(io_, std::move(child_.ours), child_.process),
        giver_(io_, link_) {
    link_.start(
        [this](const protocol::Message& message, std::vector<os::Incoming>) {
          giver_.taken(std::get<protocol::ConnectionsTaken>(message));
        },
        [this](const Error& error) { giver_.lost(error); });
    give_one(connected_.sockets().front());
    wait_for(1);
  }

  /// From the first until the successor has said that all are its own.
  std::chrono::steady_clock::duration run() {
    auto& sockets = connected_.sockets();
    return time([&] {
      for (std::size_t i = 1; i < sockets.size(); ++i) give_one(sockets[i]);
      wait_for(sockets.size());
    });
  }

 private:
  void give_one(os::Socket& socket) {
    giver_.give("chat",
                Connection{socket.release(), std::string(kStateBytes, 's'), {}},
                [this](const std::optional<Error>& error, const Connection&) {
                  if (error) throw *error;
                  ++ended_;
                });
  }
  void wait_for(std::size_t count) {
    if (!test::wait_until(
            io_, [&] { return ended_ == count; }, kPatience)) {
      throw std::runtime_error("no handover");
    }
  }

  Connected connected_;
  Child child_;
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type>
      work_{boost::asio::make_work_guard(io_)};
  handover::PeerLink link_;
  handover::ConnectionGiver giver_;
  std::size_t ended_ = 0;
};

class GivingRaw {
 public:
  explicit GivingRaw(std::size_t count)
      : connected_(count),
        child_("taking_raw_connections", {std::to_string(count)}) {
    read_bytes(child_.ours.get(), 1);
  }

  std::chrono::steady_clock::duration run() {
    auto& sockets = connected_.sockets();
    return time([&] {
      std::vector<native_socket> all;
      for (const auto& socket : sockets) all.push_back(socket.get());
      give_sockets(child_.ours.get(), all, *child_.process);
      const std::string state(kStateBytes, 's');
      for (std::size_t i = 0; i < all.size(); ++i) {
        write_bytes(child_.ours.get(), state);
      }
      read_bytes(child_.ours.get(), 1);
      sockets.clear();
    });
  }

 private:
  Connected connected_;
  Child child_;
};

void report(benchmark::State& state, const Samples& library,
            const Samples& raw) {
  state.counters["library_us"] = library.median();
  state.counters["raw_us"] = raw.median();
  state.counters["ratio"] = library.median() / raw.median();
}

void connections(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  test::allow_handles(count + 1000);
  Samples library;
  Samples raw;
  for (auto step : state) {
    static_cast<void>(step);
    const auto length = Giving(count).run();
    library.add(length);
    raw.add(GivingRaw(count).run());
    state.SetIterationTime(std::chrono::duration<double>(length).count());
  }
  report(state, library, raw);
}
BENCHMARK(connections)
    ->Arg(100)
    ->Arg(1'000)
    ->Arg(10'000)
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

// More than a process may have: several incumbents, each with a successor and
// clients of its own, at the same time.

template <typename Way>
int give_when_told(const std::vector<std::string>& args) {
  const native_handle end = test::passed_handle(kChannel);
  const std::size_t count = std::stoul(args.at(0));
  test::allow_handles(count + 1000);
  Way way(count);
  write_bytes(end, ".");
  read_bytes(end, 1);
  way.run();
  write_bytes(end, ".");
  read_bytes(end, 1);  // until it may end
  return 0;
}
RELAUNCH_CHILD_MAIN(giving_connections) { return give_when_told<Giving>(args); }
RELAUNCH_CHILD_MAIN(giving_raw_connections) {
  return give_when_told<GivingRaw>(args);
}

/// From the word to all of them until the last has been answered for all.
std::chrono::steady_clock::duration give_in_pairs(const char* giving,
                                                  std::size_t pairs,
                                                  std::size_t count) {
  std::vector<std::unique_ptr<Child>> children;
  for (std::size_t i = 0; i < pairs; ++i) {
    children.push_back(
        std::make_unique<Child>(giving, std::vector{std::to_string(count)}));
  }
  for (const auto& child : children) read_bytes(child->ours.get(), 1);
  return time([&] {
    for (const auto& child : children) write_bytes(child->ours.get(), ".");
    for (const auto& child : children) read_bytes(child->ours.get(), 1);
  });
}

void connections_of_pairs(benchmark::State& state) {
  const auto pairs = static_cast<std::size_t>(state.range(0));
  const auto count = static_cast<std::size_t>(state.range(1));
  Samples library;
  Samples raw;
  for (auto step : state) {
    static_cast<void>(step);
    const auto length = give_in_pairs("giving_connections", pairs, count);
    library.add(length);
    raw.add(give_in_pairs("giving_raw_connections", pairs, count));
    state.SetIterationTime(std::chrono::duration<double>(length).count());
  }
  report(state, library, raw);
}
BENCHMARK(connections_of_pairs)
    ->Args({6, 17'000})
    ->UseManualTime()
    ->Iterations(3)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace relaunch::bench
