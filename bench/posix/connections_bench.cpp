// Live connections with 1 KiB of state each to another process, beside the bare
// calls of the system; turn and turn about.
#include <benchmark/benchmark.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/asio/executor_work_guard.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/handover/connection_giver.hpp"
#include "common/handover/connection_taker.hpp"
#include "common/os/connection.hpp"
#include "common/os/listener.hpp"
#include "raw_handover.hpp"
#include "samples.hpp"
#include "support/child.hpp"
#include "support/event_wait.hpp"
#include "support/system_facts.hpp"

namespace relaunch::bench {
namespace {

constexpr char kChannel[] = "RELAUNCH_BENCH_CHANNEL";
constexpr std::size_t kStateBytes = 1024;
constexpr std::chrono::milliseconds kPatience{60'000};

RELAUNCH_CHILD_MAIN(connecting_clients) {
  const native_handle end = test::passed_handle(kChannel);
  const auto where = Address::parse(args.at(0)).value();
  std::vector<os::Socket> clients(std::stoul(args.at(1)));
  test::allow_handles(clients.size() + 100);
  for (auto& client : clients) {
    client.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(client.get(), static_cast<const sockaddr*>(where.native()),
                  static_cast<socklen_t>(where.native_size())) != 0) {
      return 1;
    }
  }
  read_bytes(end, 1);  // until it may end
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

/// A child with one end of a link.
struct Child {
  Child(const char* name, const std::vector<std::string>& args) {
    auto pair = os::make_channel_pair().value();
    auto request = test::child_request(name, args);
    request.handles.push_back({kChannel, pair.theirs.get()});
    process = std::make_shared<os::Process>(os::launch(request).value());
    ours = std::move(pair.ours);
  }
  ~Child() {
    ours.reset();
    process->kill().value();
    test::wait_for_end(*process);
    process->exit_status();
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  std::shared_ptr<os::Process> process;
  os::Handle ours;
};

/// So many, between this process and a child.
class Connected {
 public:
  explicit Connected(std::size_t count) {
    static int round = 0;  // an address whose ports are all free
    const auto asked = Address::parse("tcp://127.78.0." +
                                      std::to_string(1 + round++ % 250) + ":0")
                           .value();
    const auto listener = os::open_listener(asked).value();
    const auto where = os::local_address(listener.get()).value();
    clients_ = std::make_unique<Child>(
        "connecting_clients", std::vector{where.text(), std::to_string(count)});
    for (std::size_t i = 0; i < count; ++i) {
      sockets_.push_back(test::accept_one(listener.get()));
      if (!sockets_.back()) throw std::runtime_error("no connection");
    }
  }
  std::vector<os::Socket>& sockets() { return sockets_; }

 private:
  std::vector<os::Socket> sockets_;
  std::unique_ptr<Child> clients_;
};

/// From the first until the successor has said that all are its own.
std::chrono::steady_clock::duration give(std::size_t count) {
  Connected connected{count};
  Child child{"taking_connections", {std::to_string(count)}};
  boost::asio::io_context io;
  const auto work = boost::asio::make_work_guard(io);
  handover::PeerLink link{io, std::move(child.ours), child.process};
  handover::ConnectionGiver giver{io, link};
  link.start(
      [&](const protocol::Message& message, std::vector<os::Incoming>) {
        giver.taken(std::get<protocol::ConnectionsTaken>(message));
      },
      [&](const Error& error) { giver.lost(error); });
  // One first, so that the child is there.
  std::size_t ended = 0;
  const auto give_one = [&](os::Socket& socket) {
    giver.give("chat",
               Connection{socket.release(), std::string(kStateBytes, 's'), {}},
               [&](const std::optional<Error>& error, const Connection&) {
                 if (error) throw *error;
                 ++ended;
               });
  };
  auto& sockets = connected.sockets();
  give_one(sockets.front());
  test::wait_until(
      io, [&] { return ended == 1; }, kPatience);
  return time([&] {
    for (std::size_t i = 1; i < sockets.size(); ++i) give_one(sockets[i]);
    if (!test::wait_until(
            io, [&] { return ended == sockets.size(); }, kPatience)) {
      throw std::runtime_error("no handover");
    }
  });
}

std::chrono::steady_clock::duration give_raw(std::size_t count) {
  Connected connected{count};
  Child child{"taking_raw_connections", {std::to_string(count)}};
  read_bytes(child.ours.get(), 1);
  return time([&] {
    std::vector<native_socket> all;
    for (const auto& socket : connected.sockets()) all.push_back(socket.get());
    give_sockets(child.ours.get(), all, *child.process);
    const std::string state(kStateBytes, 's');
    for (std::size_t i = 0; i < count; ++i)
      write_bytes(child.ours.get(), state);
    read_bytes(child.ours.get(), 1);
    connected.sockets().clear();
  });
}

void connections(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  test::allow_handles(count + 1000);
  Samples library;
  Samples raw;
  for (auto step : state) {
    static_cast<void>(step);
    const auto length = give(count);
    library.add(length);
    raw.add(give_raw(count));
    state.SetIterationTime(std::chrono::duration<double>(length).count());
  }
  state.counters["library_us"] = library.median();
  state.counters["raw_us"] = raw.median();
  state.counters["ratio"] = library.median() / raw.median();
}
BENCHMARK(connections)
    ->Arg(100)
    ->Arg(1'000)
    ->Arg(10'000)
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace relaunch::bench
