// A server of another project, with Boost.Asio: it asks itself who answers,
// upgrades itself, asks again, and tells its successor to stop.
#include <boost/asio.hpp>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>

#include "relaunch/asio.hpp"
#include "relaunch/relaunch.hpp"

using namespace std::chrono_literals;
using boost::asio::awaitable;
using boost::asio::use_awaitable;
using boost::asio::ip::tcp;

awaitable<std::string> read_line(tcp::socket& peer) {
  std::string line;
  co_await boost::asio::async_read_until(
      peer, boost::asio::dynamic_buffer(line, 80), '\n', use_awaitable);
  co_return line;
}

awaitable<void> write(tcp::socket& peer, std::string_view line) {
  co_await boost::asio::async_write(peer, boost::asio::buffer(line),
                                    use_awaitable);
}

awaitable<void> answer(tcp::socket peer, relaunch::Upgrader& upgrader) {
  const std::string question = co_await read_line(peer);
  const auto generation = upgrader.status().generation;
  co_await write(peer, std::to_string(generation) + "\n");
  if (question == "stop\n") upgrader.stop();
}

awaitable<void> accept_all(relaunch::asio::Acceptor& acceptor,
                           relaunch::Upgrader& upgrader) {
  for (;;) {
    auto [failure, peer] =
        co_await acceptor.async_accept(boost::asio::as_tuple(use_awaitable));
    if (failure == boost::asio::error::operation_aborted) co_return;
    if (failure) continue;
    co_spawn(acceptor.get_executor(), answer(std::move(peer), upgrader),
             boost::asio::detached);
  }
}

/// What the server at this port answers to a line.
awaitable<std::string> ask(std::string address, std::string_view line) {
  const std::string port = address.substr(address.rfind(':') + 1);
  tcp::socket peer(co_await boost::asio::this_coro::executor);
  const tcp::endpoint server(
      boost::asio::ip::address_v4::loopback(),
      static_cast<boost::asio::ip::port_type>(std::stoi(port)));
  co_await peer.async_connect(server, use_awaitable);
  co_await write(peer, line);
  co_return co_await read_line(peer);
}

void expect(const std::string& answered, std::string_view expected) {
  if (answered == expected) return;
  throw std::runtime_error("generation " + answered + " answers, not " +
                           std::string(expected));
}

int main(int argc, char** argv) try {
  if (argc != 3) throw std::runtime_error("usage: server FOLDER STATE_FOLDER");
  boost::asio::io_context io{1};
  relaunch::Options options;
  options.artifact = argv[1];
  options.executable = std::filesystem::path(argv[0]).filename();
  options.state_folder = argv[2];
  options.deadlines.probation = 100ms;
  options.executor = relaunch::asio::executor(io);
  options.log = [](relaunch::LogLevel, std::string_view line) {
    std::clog << line << std::endl;
  };
  relaunch::Upgrader upgrader{options};
  const auto listener = upgrader.listen("lines", "tcp://127.0.0.1:0");
  relaunch::asio::Acceptor acceptor{io, listener};
  co_spawn(io, accept_all(acceptor, upgrader), boost::asio::detached);
  upgrader.ready();

  bool works = upgrader.inherited();  // a successor is asked by the first
  const auto rethrow = [](std::exception_ptr failure) {
    if (failure) std::rethrow_exception(failure);
  };
  const auto ask_successor = [&]() -> awaitable<void> {
    expect(co_await ask(listener.address(), "who\n"), "2\n");
    expect(co_await ask(listener.address(), "stop\n"), "2\n");
    works = true;
  };
  const auto ask_and_upgrade = [&]() -> awaitable<void> {
    expect(co_await ask(listener.address(), "who\n"), "1\n");
    upgrader.upgrade({}, {}, [&](const relaunch::Outcome& outcome) {
      std::clog << to_string(outcome.result) << " " << outcome.reason
                << std::endl;
      if (outcome.ok()) {
        co_spawn(io, ask_successor(), rethrow);
      } else {
        io.stop();
      }
    });
  };
  if (!upgrader.inherited()) co_spawn(io, ask_and_upgrade(), rethrow);
  io.run_for(40s);
  if (!works) throw std::runtime_error("no second generation served");
  std::cout << "server: works" << std::endl;
} catch (const std::exception& failure) {
  std::cerr << "server: " << failure.what() << std::endl;
  return 1;
}
