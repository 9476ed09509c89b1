#include "support/event_wait.hpp"

#include <boost/asio/executor_work_guard.hpp>

namespace relaunch::test {

bool wait_until(boost::asio::io_context& io, const std::function<bool()>& done,
                std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  // Without it an idle context would return at once, again and again.
  const auto work = boost::asio::make_work_guard(io);
  io.restart();
  while (!done()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    io.run_one_until(deadline);
  }
  return true;
}

void run_ready(boost::asio::io_context& io) {
  io.restart();
  io.poll();
}

bool wait_for_end(const os::Process& process, std::chrono::milliseconds limit) {
  boost::asio::io_context io;
  bool gone = false;
  const auto watch =
      os::ProcessWatch::start(io, process, [&] { gone = true; }).value();
  return wait_until(
      io, [&] { return gone; }, limit);
}

KilledAtEnd::~KilledAtEnd() {
  if (!process_) return;
  if (!process_.gone()) {
    static_cast<void>(process_.kill());
    wait_for_end(process_);
  }
  process_.exit_status();
}

}  // namespace relaunch::test
