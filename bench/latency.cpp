// latency [UPGRADES]: every request of a load across upgrades of a server,
// with the library and in the way that it replaces, as lines
//   WAY upgrade AT_MS
//   WAY good|failed DUE_MS TOOK_MS
// for bench/picture.
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdio>
#include <exception>
#include <string>

#include "running_server.hpp"
#include "support/load_client.hpp"

namespace relaunch::bench {
namespace {

using std::chrono::microseconds;
using std::chrono::steady_clock;

constexpr auto kBetween = std::chrono::seconds{1};
constexpr double kPerSecond = 200;

double ms(steady_clock::duration length) {
  return std::chrono::duration<double, std::milli>(length).count();
}

void run(const std::string& way, int upgrades) {
  const bool library = way == "library";
  RunningServer server(way);
  if (library) server.upgrade();  // what is staged is staged
  test::LoadPlan plan;
  plan.port = server.port();
  plan.per_second = kPerSecond;
  plan.on_end = [&](microseconds due, microseconds took, bool good) {
    std::printf("%s %s %.3f %.3f\n", way.c_str(), good ? "good" : "failed",
                ms(due), ms(took));
  };
  boost::asio::io_context io;
  boost::asio::steady_timer next{io};
  const auto began = steady_clock::now();
  test::LoadClient client{plan};
  for (int i = 1; i <= upgrades; ++i) {
    next.expires_at(began + i * kBetween);
    next.wait();
    std::printf("%s upgrade %.3f\n", way.c_str(),
                ms(steady_clock::now() - began));
    library ? static_cast<void>(server.upgrade()) : server.restart();
  }
  next.expires_at(began + (upgrades + 1) * kBetween);
  next.wait();
  const auto report = client.stop();
  std::fprintf(stderr, "%s: %s", way.c_str(), report.text().c_str());
}

}  // namespace
}  // namespace relaunch::bench

int main(int argc, char** argv) {
  try {
    const int upgrades = argc > 1 ? std::stoi(argv[1]) : 10;
    relaunch::bench::run("library", upgrades);
    relaunch::bench::run("restarted", upgrades);
    return 0;
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "latency: %s\n", failure.what());
    return 1;
  }
}
