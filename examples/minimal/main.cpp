// The server of the README. A connection is one line and its answer; the
// line "update" rebuilds and relaunches the server that answers it.
#include <boost/asio.hpp>
#include <chrono>
#include <iostream>
#include <string>
#include <string_view>

#include "relaunch/asio.hpp"
#include "relaunch/relaunch.hpp"

using namespace boost::asio;
using ip::tcp;

void say(std::string_view line) { std::clog << line << std::endl; }

awaitable<void> serve(tcp::socket peer, relaunch::Upgrader& upgrader) {
  std::string line;
  co_await async_read_until(peer, dynamic_buffer(line, 80), '\n', deferred);
  if (line == "update\n") {
    upgrader.upgrade({}, say, [](const relaunch::Outcome& outcome) {
      say(std::string(to_string(outcome.result)) + ", pid " +
          std::to_string(outcome.serving_pid) + " serves. " + outcome.reason);
    });
  }
  co_await async_write(peer, buffer(std::string_view("hello 1\n")), deferred);
}

awaitable<void> accept_all(relaunch::asio::Acceptor& acceptor,
                           relaunch::Upgrader& upgrader) {
  for (;;) {
    auto [failure, peer] =
        co_await acceptor.async_accept(as_tuple(use_awaitable));
    if (failure == error::operation_aborted) co_return;  // it has to leave
    if (failure) {  // no descriptor is left, say: not again at once
      steady_timer pause{acceptor.get_executor(),
                         std::chrono::milliseconds(100)};
      co_await pause.async_wait(deferred);
      continue;
    }
    co_spawn(acceptor.get_executor(), serve(std::move(peer), upgrader),
             detached);
  }
}

int main() try {
  io_context io{1};
  relaunch::Options options;
  options.build = {"cmake", "--build", "build"};
  options.artifact = "build/minimal";  // on Windows: build/minimal.exe
  options.executor = relaunch::asio::executor(io);
  options.handle_stop_requests = true;
  relaunch::Upgrader upgrader{options};

  // From the generation before, or opened now if this is the first.
  relaunch::asio::Acceptor acceptor{
      io, upgrader.listen("lines", "tcp://127.0.0.1:8080")};
  co_spawn(io, accept_all(acceptor, upgrader), detached);
  upgrader.ready();
  io.run();  // returns when this generation has served what it took
} catch (const std::exception& failure) {
  say(failure.what());
  return 1;
}
