// echo KEY=VALUE...: sends back what it is sent; keys as of the test server.
// Whoever connects to its second listener orders an upgrade to this program.
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdio>
#include <exception>
#include <map>
#include <memory>
#include <type_traits>

#include "common/base/text.hpp"
#include "common/os/system.hpp"
#include "programs/settings.hpp"
#include "relaunch/asio.hpp"
#include "relaunch/relaunch.hpp"
#include "streams/echo.hpp"
#include "support/system_facts.hpp"

namespace relaunch::test {
namespace {

namespace net = boost::asio;
using net::ip::tcp;

void print(LogLevel, std::string_view line) {
  std::printf("%.*s\n", static_cast<int>(line.size()), line.data());
  std::fflush(stdout);
}

class Program {
 public:
  Program(net::io_context& io, Upgrader& upgrader, const Settings& settings)
      : upgrader_(upgrader) {
    const std::string where = setting(settings, "listen");
    const Listener echo =
        upgrader.listen("echo", setting(settings, "echo", where));
    const Listener orders = upgrader.listen("orders", where);
    if (echo.address().starts_with("unix")) {
      accept_on(local_.emplace(io, echo));
    } else {
      accept_on(tcp_.emplace(io, echo));
    }
    orders_.emplace(io, orders);
    asio::on_connection(
        upgrader, "echo", io.get_executor(),
        [this](asio::TakenStream taken) { admit(std::move(taken)); });
    upgrader.on_drain([this](const Drain& drain) { hand_over(drain); });
    print(LogLevel::info, text::cat("listening echo ", echo.address()));
    print(LogLevel::info, text::cat("listening orders ", orders.address()));
    take_orders();
  }

 private:
  template <typename Protocol>
  void accept_on(asio::BasicAcceptor<Protocol>& acceptor) {
    acceptor.async_accept([this, &acceptor](boost::system::error_code error,
                                            typename Protocol::socket socket) {
      if (error == net::error::operation_aborted) return;
      if (!error) welcome(std::move(socket));
      accept_on(acceptor);
    });
  }
  template <typename Socket>
  void welcome(Socket socket) {
    // Small ones are full at once when somebody does not read.
    socket.set_option(net::socket_base::send_buffer_size{16'384});
    socket.set_option(net::socket_base::receive_buffer_size{16'384});
    if constexpr (std::is_same_v<Socket, tcp::socket>) {
      socket.set_option(tcp::no_delay{true});
    }
    if constexpr (std::is_constructible_v<asio::Stream, Socket>) {
      admit({asio::Stream(std::move(socket)), {}, {}});
    }
  }
  void admit(asio::TakenStream taken) {
    const auto echo =
        std::make_shared<Echo>(std::move(taken), [this](Echo& gone) {
          echoes_.erase(&gone);
          if (echoes_.empty()) print(LogLevel::info, "no connection is left");
        });
    echoes_.emplace(echo.get(), echo);
    echo->start();
  }
  void hand_over(const Drain& drain) {
    print(LogLevel::info, "draining");
    const auto echoes = echoes_;
    for (const auto& [key, echo] : echoes) echo->hand_over(drain);
  }
  void take_orders() {
    orders_->async_accept(
        [this](boost::system::error_code error, const tcp::socket&) {
          if (error == net::error::operation_aborted) return;
          if (!error) upgrade();
          take_orders();
        });
  }
  void upgrade() {
    print(LogLevel::info,
          text::cat("before the upgrade: handles=", own_facts().handles,
                    " connections=", echoes_.size()));
    upgrader_.upgrade({.skip_build = true, .force = true}, {},
                      [](const Outcome&) {});
  }

  Upgrader& upgrader_;
  std::optional<asio::Acceptor> tcp_;
  std::optional<asio::LocalAcceptor> local_;
  std::optional<asio::Acceptor> orders_;
  std::map<Echo*, std::shared_ptr<Echo>> echoes_;
};

int run() try {
  const Settings settings = read_settings(os::own_arguments().value());
  allow_handles(10'000);
  net::io_context io{1};
  Options options;
  options.name = "echo";
  options.artifact = text::path_from_utf8(setting(settings, "artifact"));
  options.state_folder = text::path_from_utf8(setting(settings, "state"));
  options.deadlines = read_deadlines(settings);
  options.executor = asio::executor(io);
  options.handle_stop_requests = true;
  options.log = print;
  Upgrader upgrader{options};
  Program program{io, upgrader, settings};
  upgrader.ready();
  print(LogLevel::info, text::cat("generation: pid=", os::own_process_id()));
  io.run();
  return 0;
} catch (const std::exception& failure) {
  std::printf("echo: %s\n", failure.what());
  return 1;
}

}  // namespace
}  // namespace relaunch::test

int main() { return relaunch::test::run(); }
