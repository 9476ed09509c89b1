// server KEY=VALUE...: the hello server with a behaviour that the recipe behind
// its executable chooses. Settings come as words:
//   state=FOLDER artifact=FILE executable=NAME build=WORD (repeated)
//   run=FOLDER: with a control endpoint
//   listen=ADDRESS max_draining=N keep_releases=N, and every deadline by its
//   name, in milliseconds
//
// Keys of the recipe:
//   greeting=TEXT       what /hello answers
//   silent=1            never says hello to its incumbent
//   exit_at_start=CODE  ends before it is ready
//   crash_at_start=1    the same by abort()
//   handles_left=N      may open so many handles more, where there is a limit
//   handles_left_on_turn=N  the same once it has the turn
//   hostile=KIND moment=MESSAGE  misbehaves on its channel (hostile.hpp)
//   ready_twice=1       says so twice
//   never_ready=1       initialises for ever
//   slow_ready=MS       asks for so much time twice over, and takes it
//   die_on_turn=1       ends in on_take
//   die_after=N         abort() at a health question after N answers
//   unhealthy=1         not healthy once it has served
//   stuck=1             its executor runs nothing any more once it has served
//   stuck_drain=1       a request of it never ends
//   listen=ADDRESS      another address for the listener "http"
//   listener.NAME=ADDRESS  a further listener; one at a path says the greeting
//                       to whoever connects, and closes
//   hang_on_turn=1      never comes back from on_take
//   tells=1             says what it was started with, and at every step
//                       whether its signals are as it had set them
//   moves=1             goes to another folder when the Upgrader is made
//   and the habits of host_habits.hpp, the belongings of holdings.hpp
#include "server.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/text.hpp"
#include "common/os/system.hpp"
#include "greeting.hpp"
#include "programs/census.hpp"
#include "programs/holdings.hpp"
#include "programs/host_habits.hpp"
#include "programs/hostile.hpp"
#include "programs/local_server.hpp"
#include "programs/recipe.hpp"
#include "programs/settings.hpp"
#include "programs/tracing.hpp"
#include "relaunch/asio.hpp"
#include "relaunch/relaunch.hpp"
#include "support/system_facts.hpp"

namespace relaunch::test {
namespace {

using std::chrono::milliseconds;

Recipe recipe;

void say(const std::string& line) {
  std::fprintf(output(), "%s\n", line.c_str());
  std::fflush(output());
}

/// As good as for ever; a test that forgets this process does not keep it.
void hang() {
  std::mutex mutex;
  std::condition_variable never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, std::chrono::minutes(2), [] { return false; });
}

Options read_options(const Settings& settings, boost::asio::io_context& io) {
  Options options;
  options.name = "test-server";
  options.build.arguments = all_settings(settings, "build");
  options.artifact = text::path_from_utf8(setting(settings, "artifact"));
  options.executable = text::path_from_utf8(setting(settings, "executable"));
  options.state_folder = text::path_from_utf8(setting(settings, "state"));
  options.run_folder = text::path_from_utf8(setting(settings, "run"));
  options.control = !options.run_folder.empty();
  options.deadlines = read_deadlines(settings);
  read_number(settings, "max_draining", options.max_draining);
  read_number(settings, "keep_releases", options.keep_releases);
  options.executor = asio::executor(io);
  options.log = [](LogLevel, std::string_view line) {
    say("log: " + std::string(line));
  };
  options.on_launch = [](const LaunchPlan& plan) { say(census_line(plan)); };
  options.handle_stop_requests = find(recipe, "signals") == nullptr;
  return options;
}

/// What a generation was started with, for a comparison with the next one.
std::string origin() {
  std::string text = "folder=" + text::utf8(std::filesystem::current_path());
  for (const auto& word : os::own_arguments().value()) text += ' ' + word;
  std::size_t size = 0;
  const auto environment = os::own_environment();
  for (const auto& entry : environment) size += entry.size();
  return text::printable(text) +
         " variables=" + std::to_string(environment.size()) + " of " +
         std::to_string(size);
}

class Application {
 public:
  explicit Application(const Settings& settings)
      : upgrader_(read_options(settings, io_)),
        holdings_(recipe, text::path_from_utf8(setting(settings, "state")),
                  say) {
    if (find(recipe, "tells") != nullptr) say("origin: " + origin());
    tell_signals("made");
    if (find(recipe, "moves") != nullptr) {
      std::filesystem::current_path(std::filesystem::temp_directory_path());
    }
    add_server("http", find(recipe, "listen") != nullptr
                           ? recipe.at("listen")
                           : setting(settings, "listen", "tcp://127.0.0.1:0"));
    constexpr std::string_view kPrefix = "listener.";
    for (const auto& [key, value] : recipe) {
      if (!key.starts_with(kPrefix)) continue;
      add_server(key.substr(kPrefix.size()), value);
    }
  }

  void run() {
    holdings_.take_and_provide(upgrader_);
    upgrader_.on_take([this] { taken(); });
    upgrader_.on_yield([this] {
      say("yielded");
      tell_signals("yielded");
    });
    upgrader_.on_health([this] { return healthy(); });
    upgrader_.on_drain([this](Drain drain) {
      say("draining");
      holdings_.give_delta(
          drain, std::make_shared<decltype(never_ending_)>(never_ending_));
      tell_signals("draining");
      for (auto& server : servers_) server->drain(drain);
      if (find(recipe, "stuck_drain") == nullptr) never_ending_.reset();
    });
    become_ready();
    io_.run();
    say("left");
  }

 private:
  void tell_signals(const std::string& when) const {
    if (find(recipe, "tells") == nullptr) return;
    say("signals, " + when + ": " + habits_.signals());
  }

  void add_server(const std::string& name, const std::string& address) {
    const Listener listener = upgrader_.listen(name, address);
    say("listening " + name + ' ' + listener.address());
    if (address.starts_with("unix")) {
      local_servers_.push_back(
          std::make_unique<LocalServer>(io_, listener, hello::greeting()));
      return;
    }
    servers_.push_back(std::make_unique<hello::Server>(
        io_, upgrader_, listener,
        hello::ServerOptions{{},
                             false,
                             find(recipe, "takes_no_connections") == nullptr,
                             [](LogLevel, std::string_view) {}}));
  }

  void become_ready() {
    if (find(recipe, "never_ready") != nullptr) return;
    if (find(recipe, "ready_twice") != nullptr) upgrader_.ready();
    const milliseconds time(number(recipe, "slow_ready"));
    if (time.count() == 0) return upgrader_.ready();
    upgrader_.extend_ready(2 * time);
    slow_.expires_after(time);
    slow_.async_wait([this](auto) { upgrader_.ready(); });
  }

  void taken() {
    say("took the turn");
    tell_signals("took the turn");
    if (find(recipe, "handles_left_on_turn") != nullptr) {
      limit_handles(
          static_cast<unsigned>(number(recipe, "handles_left_on_turn")));
    }
    if (find(recipe, "hang_on_turn") != nullptr) hang();
    if (find(recipe, "die_on_turn") != nullptr) std::_Exit(41);
    has_taken_ = true;
    if (find(recipe, "stuck") != nullptr) boost::asio::post(io_, hang);
  }

  bool healthy() {
    std::uint64_t answered = 0;
    for (const auto& server : servers_) answered += server->answered();
    if (const int limit = number(recipe, "die_after");
        has_taken_ && limit > 0 &&
        answered >= static_cast<std::uint64_t>(limit)) {
      say("dying");
      std::abort();
    }
    return !has_taken_ || find(recipe, "unhealthy") == nullptr;
  }

  HostHabits habits_{recipe};
  boost::asio::io_context io_{1};
  std::optional<
      boost::asio::executor_work_guard<boost::asio::io_context::executor_type>>
      never_ending_{boost::asio::make_work_guard(io_)};
  boost::asio::steady_timer slow_{io_};
  Upgrader upgrader_;
  Holdings holdings_;
  std::vector<std::unique_ptr<hello::Server>> servers_;
  std::vector<std::unique_ptr<LocalServer>> local_servers_;
  bool has_taken_ = false;
};

int run() {
  follow_if_wanted();
  recipe = read_recipe(os::running_executable().value());
  say("started pid=" + std::to_string(os::own_process_id()));
  if (find(recipe, "tells") != nullptr) {
    say("found: signals=" + inherited_signals() +
        " handles=" + std::to_string(list_open_handles().size()));
  }
  if (find(recipe, "silent") != nullptr) hang();
  if (find(recipe, "crash_at_start") != nullptr) std::abort();
  if (const std::string* kind = find(recipe, "hostile")) {
    be_hostile(*kind, recipe.at("moment"));
    return 0;
  }
  if (find(recipe, "handles_left") != nullptr) {
    limit_handles(static_cast<unsigned>(number(recipe, "handles_left")));
  }
  if (const int code = number(recipe, "exit_at_start"); code != 0) return code;
  Application(read_settings(os::own_arguments().value())).run();
  return 0;
}

}  // namespace
}  // namespace relaunch::test

namespace hello {

void at_start() {}

std::string greeting() {
  const std::string* text =
      relaunch::test::find(relaunch::test::recipe, "greeting");
  return text == nullptr ? "hello" : *text;
}

bool healthy(std::uint64_t) { return true; }

}  // namespace hello

int main() {
  try {
    return relaunch::test::run();
  } catch (const std::exception& failure) {
    std::printf("failed: %s\n", failure.what());
    return 70;
  }
}
