// Runs made by chance, made again from their number, and cut down to what
// matters when they fail.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

namespace relaunch::upgrade {

/// The same numbers on every system.
class Chance {
 public:
  explicit Chance(std::uint64_t seed) : engine_(seed) {}

  std::size_t below(std::size_t end) { return engine_() % end; }
  bool percent(std::size_t share) { return below(100) < share; }
  template <typename T>
  const T& one_of(const std::vector<T>& choices) {
    return choices[below(choices.size())];
  }

 private:
  std::mt19937_64 engine_;
};

/// RELAUNCH_PROPERTY_SEED: that run alone. RELAUNCH_PROPERTY_RUNS: so many in
/// place of the usual number.
struct Seeds {
  explicit Seeds(std::uint64_t usual) : end(usual) {
    if (const char* runs = std::getenv("RELAUNCH_PROPERTY_RUNS")) {
      end = std::strtoull(runs, nullptr, 10);
    }
    if (const char* seed = std::getenv("RELAUNCH_PROPERTY_SEED")) {
      begin = std::strtoull(seed, nullptr, 10);
      end = begin + 1;
    }
  }
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

/// A shortest part of `events`, in their order, that `fails` still: without
/// any one of them it does not. (Delta debugging.)
template <typename Event, typename Fails>
std::vector<Event> shrink(std::vector<Event> events, Fails fails) {
  for (std::size_t piece = std::max<std::size_t>(events.size() / 2, 1);;) {
    bool cut = false;
    for (std::size_t at = 0; at < events.size();) {
      auto less = events;
      const auto from = less.begin() + static_cast<std::ptrdiff_t>(at);
      const auto size = std::min(piece, less.size() - at);
      less.erase(from, from + static_cast<std::ptrdiff_t>(size));
      if (fails(less)) {
        events = std::move(less);
        cut = true;
      } else {
        ++at;
      }
    }
    if (piece == 1 && !cut) return events;
    piece = cut ? std::max<std::size_t>(events.size() / 2, 1) : piece / 2;
  }
}

}  // namespace relaunch::upgrade
