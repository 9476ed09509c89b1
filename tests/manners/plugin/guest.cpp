// A plugin with an Upgrader of its own: it is unloaded when the Upgrader is
// gone, and nothing of it may run then. Seen from outside: one function in C.
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <future>
#include <mutex>

#include "relaunch/upgrader.hpp"

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

void say(const std::string& line) {
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

std::filesystem::path utf8_path(const char* text) {
  const std::string bytes(text);
  return std::u8string(bytes.begin(), bytes.end());
}

class Guest {
 public:
  Guest(const char* artifact, const char* state)
      : upgrader_(make_options(artifact, state)) {
    upgrader_.listen("guest", "tcp://127.0.0.1:0");
    upgrader_.on_drain([this](relaunch::Drain) { drained_.set_value(); });
    upgrader_.ready();
  }

  bool inherited() const { return upgrader_.inherited(); }

  relaunch::Outcome upgrade() {
    std::promise<relaunch::Outcome> ended;
    relaunch::UpgradeRequest request;
    request.force = true;
    upgrader_.upgrade(request, {}, [&ended](const relaunch::Outcome& outcome) {
      ended.set_value(outcome);
    });
    return ended.get_future().get();  // every phase has its deadline
  }

  bool wait_until_drained() {
    return drained_.get_future().wait_for(seconds(30)) ==
           std::future_status::ready;
  }

  /// A successor has the place to itself when its incumbent has left.
  bool wait_until_alone() const {
    std::mutex mutex;
    std::condition_variable never;
    std::unique_lock lock(mutex);
    const auto until = steady_clock::now() + seconds(30);
    while (upgrader_.status().last_departure.empty()) {
      if (steady_clock::now() > until) return false;
      never.wait_for(lock, milliseconds(10));
    }
    return true;
  }

  void stop() { upgrader_.stop(); }

 private:
  static relaunch::Options make_options(const char* artifact,
                                        const char* state) {
    relaunch::Options options;
    options.name = "guest";
    options.artifact = utf8_path(artifact);
    options.state_folder = utf8_path(state);
    options.deadlines.probation = milliseconds(100);
    return options;
  }

  std::promise<void> drained_;
  relaunch::Upgrader upgrader_;
};

int run(const char* artifact, const char* state) {
  Guest guest(artifact, state);
  if (guest.inherited()) {
    if (!guest.wait_until_alone()) return 3;
    guest.stop();
    return guest.wait_until_drained() ? 0 : 4;
  }
  const auto outcome = guest.upgrade();
  say("upgrade: " + std::string(to_string(outcome.result)) + ' ' +
      outcome.reason);
  if (!outcome.ok()) return 0;  // it serves on, until it is closed
  return guest.wait_until_drained() ? 0 : 5;
}

}  // namespace

extern "C" int run_guest(const char* artifact, const char* state) {
  try {
    return run(artifact, state);
  } catch (const std::exception& failure) {
    say(std::string("failed: ") + failure.what());
    return 2;
  }
}
