// bench_server MODE KEY=VALUE...: one small server, three ways to run it.
//   one-byte   writes one byte and ends: the least that a start can cost
//   library    with the library: state=FOLDER artifact=FILE listeners=N
//   plain      the same around a plain Asio acceptor: port=N
//   restarted  as plain, replaced by a new one that ends its parent, waits
//              100 ms and listens again: port=N parent=PID
// It prints when it stops and begins to accept, on the clock that all
// processes of a machine share. POST /upgrade replaces it.
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <cstdio>
#include <exception>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/address.hpp"
#include "common/base/text.hpp"
#include "common/os/process.hpp"
#include "common/os/system.hpp"
#include "relaunch/asio.hpp"
#include "relaunch/relaunch.hpp"

namespace relaunch::bench {
namespace {

namespace net = boost::asio;
using boost::system::error_code;
using net::ip::tcp;
using std::chrono::steady_clock;

constexpr auto kSeedPause = std::chrono::milliseconds{100};

template <typename... Parts>
void say(const Parts&... parts) {
  std::printf("%s\n", text::cat(parts...).c_str());
  std::fflush(stdout);
}

/// "paused at=…": for whoever compares the clocks of two generations.
void say_when(const char* what) {
  say(what, " at=", steady_clock::now().time_since_epoch().count());
}

using Settings = std::map<std::string, std::string, std::less<>>;

std::string setting(const Settings& settings, std::string_view key,
                    std::string otherwise = {}) {
  const auto entry = settings.find(key);
  return entry == settings.end() ? otherwise : entry->second;
}

/// Answers one fixed page, and hands an upgrade to whoever knows how.
class Pages {
 public:
  using Answer = std::function<void(std::string)>;
  std::function<void(Answer)> upgrade;
  std::string generation = "1";

  void serve(tcp::socket peer) {
    auto talk = std::make_shared<Talk>(*this, std::move(peer));
    talks_.insert(talk.get());
    talk->read();
  }
  /// Whoever says nothing now is let go; the others after their answer.
  void drain() {
    draining_ = true;
    for (Talk* talk : talks_) talk->leave_if_idle();
  }

 private:
  struct Talk : std::enable_shared_from_this<Talk> {
    Talk(Pages& pages_, tcp::socket peer_)
        : pages(pages_), peer(std::move(peer_)) {
      error_code ignored;
      peer.set_option(tcp::no_delay(true), ignored);
    }
    ~Talk() { pages.talks_.erase(this); }
    Talk(const Talk&) = delete;
    Talk& operator=(const Talk&) = delete;

    void read() {
      idle = input.empty();
      net::async_read_until(
          peer, net::dynamic_buffer(input, 16'384), "\r\n\r\n",
          [self = shared_from_this()](error_code failure, std::size_t size) {
            self->idle = false;
            if (!failure) self->answer(size);
          });
    }

    void answer(std::size_t size) {
      const std::string_view head{input.data(), size};
      close = pages.draining_ || head.find("lose\r\n") != head.npos;
      const bool upgrades = head.starts_with("POST /upgrade");
      input.erase(0, size);
      if (!upgrades) return write("hello\n");
      pages.upgrade([self = shared_from_this()](std::string body) {
        self->close = true;
        self->write(body + '\n');
      });
    }

    void write(std::string_view body) {
      output =
          text::cat("HTTP/1.1 200 OK\r\nContent-Length: ", body.size(),
                    "\r\nX-Generation: ", pages.generation,
                    close ? "\r\nConnection: close\r\n\r\n" : "\r\n\r\n", body);
      net::async_write(peer, net::buffer(output),
                       [self = shared_from_this()](error_code failure, auto) {
                         if (!failure && !self->close) return self->read();
                         error_code ignored;
                         self->peer.shutdown(tcp::socket::shutdown_both,
                                             ignored);
                       });
    }

    void leave_if_idle() {
      error_code ignored;
      if (idle) peer.cancel(ignored);
    }

    Pages& pages;
    tcp::socket peer;
    std::string input;
    std::string output;
    bool close = false;
    bool idle = true;
  };

  std::set<Talk*> talks_;
  bool draining_ = false;
};

/// The same loop for both kinds of acceptor.
template <typename Acceptor>
void accept_on(Acceptor& acceptor, Pages& pages) {
  acceptor.async_accept([&](error_code failure, tcp::socket peer) {
    if (failure == net::error::operation_aborted) return;
    if (!failure) pages.serve(std::move(peer));
    accept_on(acceptor, pages);
  });
}

// with the library -----------------------------------------------------------

std::string describe(const Outcome& outcome) {
  std::string all{to_string(outcome.result)};
  for (const PhaseTime& phase : outcome.phases) {
    all += text::cat(' ', to_string(phase.phase), '=', phase.at.count());
  }
  return all + ' ' + outcome.reason;
}

Options library_options(const Settings& settings, net::io_context& io) {
  Options options;
  options.name = "bench-server";
  options.artifact = text::path_from_utf8(setting(settings, "artifact"));
  options.state_folder = text::path_from_utf8(setting(settings, "state"));
  options.deadlines.probation = std::chrono::milliseconds{1};
  options.deadlines.health_interval = std::chrono::milliseconds{1};
  options.executor = asio::executor(io);
  options.handle_stop_requests = true;
  options.log = [](LogLevel level, std::string_view line) {
    if (level >= LogLevel::warning) say("log: ", line);
  };
  return options;
}

int serve_with_library(const Settings& settings) {
  net::io_context io{1};
  Pages pages;
  Upgrader upgrader{library_options(settings, io)};
  // Listeners are told in the order of their names: this one first.
  upgrader.listen("a clock", "tcp://127.0.0.1:0")
      .attach({.resume = [] {},
               .pause =
                   [](auto done) {
                     say_when("paused");
                     done();
                   },
               .close = [](auto done) { done(); }});
  const Listener http =
      upgrader.listen("http", setting(settings, "listen", "tcp://127.0.0.1:0"));
  asio::Acceptor acceptor{io, http};
  accept_on(acceptor, pages);
  std::list<asio::Acceptor> more;
  for (int i = std::stoi(setting(settings, "listeners", "1")); i > 1; --i) {
    more.emplace_back(
        io, upgrader.listen(text::cat("more ", i), "tcp://127.77.0.1:0"));
    accept_on(more.back(), pages);
  }
  // Last of all, and behind what the acceptors have to do.
  upgrader.listen("z clock", "tcp://127.0.0.1:0")
      .attach({.resume = [&] { net::post(io, [] { say_when("accepting"); }); },
               .pause = [](auto done) { done(); },
               .close = [](auto done) { done(); }});
  upgrader.on_drain([&](const Drain&) { pages.drain(); });
  pages.generation = std::to_string(upgrader.status().generation);
  pages.upgrade = [&](const Pages::Answer& answer) {
    upgrader.upgrade(
        {.skip_build = true, .force = true, .end_probation = true}, {},
        [&io, answer](const Outcome& outcome) {
          net::post(io, [answer, line = describe(outcome)] { answer(line); });
        });
  };
  say("listening ", http.address());
  upgrader.ready();
  io.run();
  return 0;
}

// without --------------------------------------------------------------------

void end_parent(const Settings& settings) {
  const std::string parent = setting(settings, "parent");
  if (parent.empty()) return;
  auto process =
      os::open_process(static_cast<os::ProcessId>(std::stoul(parent)));
  // On Windows nothing asks a program that does not listen for it.
  if (process && !process->ask_to_stop()) process->kill().value();
}

void start_next(const Settings& settings, unsigned port, unsigned generation) {
  os::LaunchRequest next;
  next.executable = os::running_executable().value();
  next.arguments = {text::utf8(next.executable), setting(settings, "mode"),
                    text::cat("port=", port),
                    text::cat("generation=", generation),
                    text::cat("parent=", os::own_process_id())};
  next.environment = os::own_environment();
  os::launch(next).value();
}

int serve_plainly(const Settings& settings) {
  net::io_context io{1};
  Pages pages;
  const auto port =
      static_cast<unsigned short>(std::stoul(setting(settings, "port", "0")));
  pages.generation = setting(settings, "generation", "1");
  if (settings.contains("parent")) {
    end_parent(settings);
    net::steady_timer{io, kSeedPause}.wait();
  }
  tcp::acceptor acceptor{io};
  acceptor.open(tcp::v4());
  acceptor.set_option(tcp::acceptor::reuse_address(true));
  acceptor.bind({net::ip::address_v4::loopback(), port});
  acceptor.listen();
  accept_on(acceptor, pages);
  pages.upgrade = [&](const Pages::Answer& answer) {
    answer("starting");
    start_next(settings, acceptor.local_endpoint().port(),
               static_cast<unsigned>(std::stoul(pages.generation)) + 1);
  };
  say("listening tcp://127.0.0.1:", acceptor.local_endpoint().port());
  say_when("accepting");
  io.run();
  return 0;
}

int run() {
  const auto words = os::own_arguments().value();
  Settings settings{{"mode", words.size() > 1 ? words[1] : "plain"}};
  for (std::size_t i = 2; i < words.size(); ++i) {
    const std::size_t equals = words[i].find('=');
    settings[words[i].substr(0, equals)] = words[i].substr(equals + 1);
  }
  if (settings["mode"] == "one-byte") return std::fputc('.', stdout) == EOF;
  say("started pid=", os::own_process_id());
  if (settings["mode"] == "library") return serve_with_library(settings);
  return serve_plainly(settings);
}

}  // namespace
}  // namespace relaunch::bench

int main() {
  try {
    return relaunch::bench::run();
  } catch (const std::exception& failure) {
    std::printf("failed: %s\n", failure.what());
    return 70;
  }
}
