// A program of another project, without Boost: shows that the library it found
// works, and that an error crosses the border between the two.
#include <chrono>
#include <functional>
#include <future>
#include <iostream>
#include <stdexcept>
#include <string>

#include "relaunch/relaunch.hpp"

using namespace std::chrono_literals;

void check(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error("not as it should be: " + what);
}

template <typename T>
T wait(std::future<T> future, const std::string& what) {
  check(future.wait_for(20s) == std::future_status::ready, what + " in time");
  return future.get();
}

void refuses_a_bad_address(relaunch::Upgrader& upgrader) {
  try {
    upgrader.listen("bad", "nowhere");
  } catch (const relaunch::Error& error) {
    check(error.code() == relaunch::errc::invalid_argument, error.text());
    return;
  }
  check(false, "a bad address is an error");
}

void accepts_when_it_is_ready(relaunch::Upgrader& upgrader) {
  const relaunch::Listener listener =
      upgrader.listen("lines", "tcp://127.0.0.1:0");
  check(!listener.address().ends_with(":0"), listener.address());
  std::promise<void> accepting;
  auto resumed = accepting.get_future();
  listener.attach({.resume = [&accepting] { accepting.set_value(); },
                   .pause = [](std::function<void()> done) { done(); },
                   .close = [](std::function<void()> done) { done(); }});
  upgrader.ready();
  wait(std::move(resumed), "accepting");
}

void begins_without_a_state(relaunch::Upgrader& upgrader) {
  relaunch::State state;
  check(!state, "no state");
  state = upgrader.inherited_state("cache", {.required = true});
  check(!state && !state.why_not().empty(), "a first generation has none");
}

void tells_why_an_upgrade_failed(relaunch::Upgrader& upgrader) {
  std::promise<relaunch::Outcome> ended;
  upgrader.upgrade(
      {.skip_build = true}, {},
      [&ended](const relaunch::Outcome& outcome) { ended.set_value(outcome); });
  const auto outcome = wait(ended.get_future(), "an outcome");
  check(outcome.result == relaunch::Outcome::Result::failed, outcome.reason);
  check(outcome.code == relaunch::errc::artifact_missing, outcome.reason);
}

int main(int argc, char** argv) try {
  check(argc == 2, "usage: core STATE_FOLDER");
  std::promise<void> drained;
  relaunch::Options options;
  options.state_folder = argv[1];
  options.artifact = options.state_folder / "no-such-program";
  relaunch::Upgrader upgrader{options};
  upgrader.on_drain([&drained](relaunch::Drain) { drained.set_value(); });
  refuses_a_bad_address(upgrader);
  begins_without_a_state(upgrader);
  accepts_when_it_is_ready(upgrader);
  tells_why_an_upgrade_failed(upgrader);
  upgrader.stop();
  wait(drained.get_future(), "a drain");
  std::cout << "core: works" << std::endl;
} catch (const std::exception& failure) {
  std::cerr << "core: " << failure.what() << std::endl;
  return 1;
}
