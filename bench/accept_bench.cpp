// What a server's acceptor costs with the library, beside Asio's own.
#include <benchmark/benchmark.h>

#include <array>
#include <atomic>
#include <boost/asio.hpp>
#include <list>
#include <string>
#include <thread>
#include <vector>

#include "relaunch/asio.hpp"
#include "relaunch/relaunch.hpp"
#include "samples.hpp"
#include "support/scratch_folder.hpp"
#include "support/system_facts.hpp"

namespace relaunch::bench {
namespace {

namespace net = boost::asio;
using boost::system::error_code;
using net::ip::tcp;

constexpr std::size_t kClients = 4;
constexpr std::size_t kPerRound = 50;  ///< connections of each client

Options options(const test::ScratchFolder& folder, net::io_context& io) {
  Options all;
  all.name = "bench";
  all.state_folder = folder / "state";
  all.executor = asio::executor(io);
  return all;
}

/// Each connection gets one byte, and stays until the client leaves.
template <typename Acceptor>
void accept_on(Acceptor& acceptor) {
  acceptor.async_accept([&](error_code failure, tcp::socket accepted) {
    if (failure == net::error::operation_aborted) return;
    auto peer = std::make_shared<tcp::socket>(std::move(accepted));
    net::async_write(*peer, net::buffer(".", 1), [peer](error_code, auto) {
      static char ignored;
      peer->async_read_some(net::buffer(&ignored, 1),
                            [peer](error_code, auto) {});
    });
    accept_on(acceptor);
  });
}

void connect_again_and_again(unsigned short port) {
  for (std::size_t i = 0; i < kPerRound; ++i) {
    net::io_context io{1};
    tcp::socket socket{io};
    char byte = 0;
    socket.connect({net::ip::address_v4::loopback(), port});
    net::read(socket, net::buffer(&byte, 1));
    // Broken off, so that no port is kept in TIME_WAIT.
    socket.set_option(net::socket_base::linger(true, 0));
  }
}

double per_second(unsigned short port) {
  const auto length = time([port] {
    std::array<std::thread, kClients> clients;
    for (auto& each : clients) {
      each = std::thread{[port] { connect_again_and_again(port); }};
    }
    for (auto& each : clients) each.join();
  });
  return kClients * kPerRound / std::chrono::duration<double>(length).count();
}

void accept(benchmark::State& state) {
  const test::ScratchFolder folder;
  net::io_context io{1};
  Upgrader upgrader{options(folder, io)};
  const Listener listener = upgrader.listen("http", "tcp://127.0.0.1:0");
  const auto& address = listener.address();
  const auto port = static_cast<unsigned short>(
      std::stoul(address.substr(address.rfind(':') + 1)));
  asio::Acceptor ours{io, listener};
  accept_on(ours);
  tcp::acceptor plain{io, {net::ip::address_v4::loopback(), 0}};
  accept_on(plain);
  upgrader.ready();
  std::thread server{[&io] { io.run(); }};
  Samples with;
  Samples without;
  for (auto step : state) {
    static_cast<void>(step);
    with.add(per_second(port));
    without.add(per_second(plain.local_endpoint().port()));
  }
  io.stop();
  server.join();
  state.counters["library_per_s"] = with.median();
  state.counters["asio_per_s"] = without.median();
  state.counters["ratio"] = with.median() / without.median();
}
BENCHMARK(accept)->UseRealTime()->Unit(benchmark::kMillisecond);

/// Not a time: what this many listeners hold while they accept, and how long
/// it takes until they do.
void listeners(benchmark::State& state) {
  test::OwnFacts before;
  test::OwnFacts after;
  for (auto step : state) {
    static_cast<void>(step);
    const test::ScratchFolder folder;
    net::io_context io{1};
    Upgrader upgrader{options(folder, io)};
    std::list<asio::Acceptor> acceptors;
    before = test::own_facts();
    for (int i = 0; i < state.range(0); ++i) {
      acceptors.emplace_back(io,
                             upgrader.listen("listener " + std::to_string(i),
                                             "tcp://127.77.0.1:0"));
      accept_on(acceptors.back());
    }
    bool all_accept = false;
    upgrader.listen("z, told last", "tcp://127.77.0.1:0")
        .attach({.resume =
                     [&] {
                       net::post(io, [&] {
                         all_accept = true;
                         io.stop();
                       });
                     },
                 .pause = [](auto done) { done(); },
                 .close = [](auto done) { done(); }});
    upgrader.ready();
    while (!all_accept) io.run_one();
    after = test::own_facts();
  }
  state.counters["threads"] = static_cast<double>(after.threads);
  state.counters["threads_before"] = static_cast<double>(before.threads);
  state.counters["handles"] = static_cast<double>(after.handles);
  state.counters["handles_before"] = static_cast<double>(before.handles);
}
BENCHMARK(listeners)->Arg(1)->Arg(100)->Arg(1000)->Unit(
    benchmark::kMillisecond);

}  // namespace
}  // namespace relaunch::bench
