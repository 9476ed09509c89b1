// A host that was built with another Boost than the library: its own Asio
// accepts on the library's socket, in the same process.
#include <utility>
// Boost 1.74 leaves that one out.
#include <boost/asio.hpp>
#include <boost/version.hpp>
#include <chrono>
#include <functional>
#include <future>
#include <iostream>
#include <stdexcept>
#include <string>

#include "relaunch/relaunch.hpp"

using namespace std::chrono_literals;
using boost::asio::ip::tcp;
using Done = std::function<void()>;

/// Greets everybody with the generation, through this Boost's own acceptor.
class Greeter {
 public:
  Greeter(boost::asio::io_context& io, relaunch::Upgrader& upgrader,
          const relaunch::Listener& listener)
      : upgrader_(upgrader), acceptor_(io) {
    const auto later = [this](void (Greeter::*act)(), Done done) {
      boost::asio::post(acceptor_.get_executor(), [this, act, done] {
        (this->*act)();
        if (done) done();
      });
    };
    socket_ = listener.native_handle();
    listener.attach(
        {.resume = [later] { later(&Greeter::accept, {}); },
         .pause = [later](Done done) { later(&Greeter::release, done); },
         .close = [later](Done done) { later(&Greeter::release, done); }});
  }

 private:
  void accept() {
    if (!acceptor_.is_open()) acceptor_.assign(tcp::v4(), socket_);
    acceptor_.async_accept(
        [this](boost::system::error_code error, tcp::socket peer) {
          if (error) return;
          const auto generation = upgrader_.status().generation;
          write(peer, boost::asio::buffer(std::to_string(generation)));
          if (generation == 2) upgrader_.stop();
          accept();
        });
  }
  void release() {
    if (acceptor_.is_open()) acceptor_.release();
  }

  relaunch::Upgrader& upgrader_;
  relaunch::native_socket socket_{};
  tcp::acceptor acceptor_;
};

std::string greeting(const std::string& address) {
  boost::asio::io_context io;
  tcp::socket peer(io);
  const auto port = std::stoi(address.substr(address.rfind(':') + 1));
  peer.connect({boost::asio::ip::address_v4::loopback(),
                static_cast<unsigned short>(port)});
  std::string text;
  boost::system::error_code end;
  boost::asio::read(peer, boost::asio::dynamic_buffer(text), end);
  return text;
}

void check(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error("not as it should be: " + what);
}

void visit_and_upgrade(relaunch::Upgrader& upgrader,
                       const std::string& address) {
  const std::string first = greeting(address);
  check(first == "1", "greeted by '" + first + "'");
  std::promise<relaunch::Outcome> ended;
  upgrader.upgrade(
      {.force = true}, {},
      [&ended](const relaunch::Outcome& outcome) { ended.set_value(outcome); });
  const auto outcome = ended.get_future().get();
  check(outcome.result == relaunch::Outcome::Result::done, outcome.reason);
  const std::string second = greeting(address);
  check(second == "2", "greeted by '" + second + "'");
}

int main(int argc, char** argv) try {
  check(argc == 2, "usage: other_boost STATE_FOLDER");
  boost::asio::io_context io{1};
  auto serving = boost::asio::make_work_guard(io);
  relaunch::Options options;
  options.artifact = argv[0];
  options.state_folder = argv[1];
  options.deadlines.probation = 100ms;
  options.executor = [&io](std::function<void()> work) {
    boost::asio::post(io, std::move(work));
  };
  relaunch::Upgrader upgrader{options};
  const auto listener = upgrader.listen("greetings", "tcp://127.0.0.1:0");
  Greeter greeter(io, upgrader, listener);
  upgrader.on_drain([&serving](relaunch::Drain) { serving.reset(); });
  upgrader.ready();

  std::future<void> visited;
  if (!upgrader.inherited()) {
    visited = std::async(std::launch::async, visit_and_upgrade,
                         std::ref(upgrader), listener.address());
  }
  io.run_for(40s);
  if (visited.valid()) visited.get();
  std::cout << "built with Boost " << BOOST_LIB_VERSION << ": works"
            << std::endl;
} catch (const std::exception& failure) {
  std::cerr << "other_boost: " << failure.what() << std::endl;
  return 1;
}
