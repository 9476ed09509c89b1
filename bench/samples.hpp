// What was measured again and again, in one unit.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <vector>

namespace relaunch::bench {

class Samples {
 public:
  void add(double value) { values_.push_back(value); }
  /// In microseconds.
  void add(std::chrono::steady_clock::duration length) {
    add(std::chrono::duration<double, std::micro>(length).count());
  }
  std::size_t size() const { return values_.size(); }
  double percentile(double percent) const {
    if (values_.empty()) return 0;
    auto sorted = values_;
    std::sort(sorted.begin(), sorted.end());
    const auto last = static_cast<double>(sorted.size() - 1);
    return sorted[static_cast<std::size_t>(last * percent / 100 + 0.5)];
  }
  double median() const { return percentile(50); }

 private:
  std::vector<double> values_;
};

/// How long this takes.
template <typename Work>
std::chrono::steady_clock::duration time(const Work& work) {
  const auto began = std::chrono::steady_clock::now();
  work();
  return std::chrono::steady_clock::now() - began;
}

}  // namespace relaunch::bench
