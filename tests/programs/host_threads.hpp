// Threads that do the same over and over until they are stopped.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace relaunch::test {

class HostThreads {
 public:
  HostThreads() = default;
  ~HostThreads() {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
    }
    stop_.notify_all();
    for (auto& thread : threads_) thread.join();
  }
  HostThreads(const HostThreads&) = delete;
  HostThreads& operator=(const HostThreads&) = delete;

  /// `pause` between two rounds: the machine is needed for other things too.
  void add(std::chrono::milliseconds pause, std::function<void()> round) {
    threads_.emplace_back([this, pause, round = std::move(round)] {
      std::unique_lock lock(mutex_);
      while (!stopped_) {
        lock.unlock();
        round();
        lock.lock();
        stop_.wait_for(lock, pause, [this] { return stopped_; });
      }
    });
  }

 private:
  std::mutex mutex_;
  std::condition_variable stop_;
  bool stopped_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace relaunch::test
