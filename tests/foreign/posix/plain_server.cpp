// A server as anybody could have written it: listeners by LISTEN_FDS, its ready
// on NOTIFY_SOCKET, an end on SIGTERM. What else it does stands in its words.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "common/base/text.hpp"
#include "common/os/system.hpp"
#include "foreign/plain_program.hpp"
#include "support/child.hpp"

namespace relaunch::test {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

std::string variable(std::string_view name) {
  return os::environment_variable(name).value_or("");
}

void notify(std::string_view text) {
  const std::string path = variable("NOTIFY_SOCKET");
  if (path.empty()) return;
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ::sendto(socket, text.data(), text.size(), MSG_NOSIGNAL,
           reinterpret_cast<const sockaddr*>(&address), sizeof address);
  ::close(socket);
}

class PlainServer {
 public:
  explicit PlainServer(const std::vector<std::string>& words)
      : words_(words), signals_(io_), pings_(io_) {}

  int run() {
    const std::string names = variable("LISTEN_FDNAMES");
    const int count = std::atoi(variable("LISTEN_FDS").c_str());
    if (variable("LISTEN_PID") != std::to_string(::getpid())) return 9;
    if (has("fails")) {
      notify("STATUS=cannot read its configuration\nERRNO=2");
      return 3;
    }
    std::size_t begin = 0;
    for (int number = 3; number < 3 + count; ++number) {
      const std::size_t end = std::min(names.find(':', begin), names.size());
      const std::string name = names.substr(begin, end - begin);
      begin = end + 1;
      listen(number, name == "relaunch-probe");
    }
    if (const auto port = variable("RELAUNCH_PROBE_PORT");
        has("opens_port") && !port.empty()) {
      open_port(static_cast<std::uint16_t>(std::atoi(port.c_str())));
    }
    wait_for_stop();
    if (!has("never_ready")) notify("STATUS=serving\nREADY=1");
    ping();
    io_.run();
    return 0;
  }

 private:
  struct Port {
    Port(asio::io_context& io, bool for_probes)
        : acceptor(io), is_private(for_probes) {}
    tcp::acceptor acceptor;
    bool is_private;
  };
  struct Connection {
    explicit Connection(tcp::socket accepted) : socket(std::move(accepted)) {}
    tcp::socket socket;
    std::string text;
  };

  bool has(std::string_view word) const {
    return std::find(words_.begin(), words_.end(), word) != words_.end();
  }

  void listen(int number, bool is_private) {
    auto& port = *ports_.emplace_back(std::make_unique<Port>(io_, is_private));
    port.acceptor.assign(tcp::v4(), number);
    accept(port);
  }
  void open_port(std::uint16_t number) {
    auto& port = *ports_.emplace_back(std::make_unique<Port>(io_, true));
    const tcp::endpoint where{asio::ip::address_v4::loopback(), number};
    port.acceptor.open(where.protocol());
    port.acceptor.set_option(tcp::acceptor::reuse_address{true});
    port.acceptor.bind(where);
    port.acceptor.listen();
    accept(port);
  }

  void accept(Port& port) {
    port.acceptor.async_accept([&](error_code failure, tcp::socket socket) {
      if (!failure) {
        serve(std::make_shared<Connection>(std::move(socket)), port.is_private);
      }
      if (port.acceptor.is_open()) accept(port);
    });
  }

  void serve(const std::shared_ptr<Connection>& one, bool is_private) {
    asio::async_read_until(
        one->socket, asio::dynamic_buffer(one->text, 65'536), "\r\n\r\n",
        [this, one, is_private](error_code failure, std::size_t) {
          if (failure) return;
          one->text = answer(is_private);
          asio::async_write(one->socket, asio::buffer(one->text),
                            [one](error_code, std::size_t) {});
        });
  }

  std::string answer(bool is_private) {
    bool good = true;
    if (is_private) {
      good = !has("sick") && !(has("sick_soon") && ++asked_ > 2);
    }
    return text::cat("HTTP/1.1 ", good ? "200 OK" : "503 Sick",
                     "\r\nContent-Length: 6\r\nConnection: close\r\n"
                     "X-Generation: ",
                     ::getpid(), "\r\n\r\nhello\n");
  }

  void ping() {
    const auto period = std::atol(variable("WATCHDOG_USEC").c_str());
    if (period == 0 || has("no_ping")) return;
    notify("WATCHDOG=1");
    pings_.expires_after(std::chrono::microseconds{period / 3});
    pings_.async_wait([this](error_code failure) {
      if (!failure) ping();
    });
  }

  void wait_for_stop() {
    if (has("ignores_stop")) std::signal(SIGTERM, SIG_IGN);
    signals_.add(has("stops_by_usr1") ? SIGUSR1 : SIGTERM);
    if (has("ignores_stop")) return;
    signals_.async_wait([this](error_code failure, int) {
      if (failure) return;
      notify("STOPPING=1");
      pings_.cancel();
      for (auto& port : ports_) {
        if (has("shuts_down")) {
          ::shutdown(port->acceptor.native_handle(), SHUT_RDWR);
        }
        port->acceptor.close();
      }
    });
  }

  std::vector<std::string> words_;
  asio::io_context io_;
  asio::signal_set signals_;
  asio::steady_timer pings_;
  std::vector<std::unique_ptr<Port>> ports_;
  int asked_ = 0;
};

RELAUNCH_CHILD_MAIN(plain_server) { return PlainServer{args}.run(); }

}  // namespace

std::vector<std::string> plain_program() {
  return child_request("plain_server").arguments;
}

}  // namespace relaunch::test
