#include "common/supervisor/line_writer.hpp"

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>

#include "common/os/system.hpp"

namespace relaunch::supervisor {

namespace {

constexpr std::chrono::milliseconds kLastPatience{1'000};

}  // namespace

// Shared with the thread, which may have to be left behind.
struct LineWriter::State {
  explicit State(Write to) : write(std::move(to)) {}

  void run();
  bool idle() const { return (waiting.empty() || broken) && !writing; }

  Write write;
  std::mutex mutex;
  std::condition_variable changed;
  std::string waiting;
  std::function<void()> on_room;
  std::uint64_t dropped = 0;
  bool running = false;
  bool writing = false;
  bool broken = false;
  bool asked_to_wait = false;
  bool ending = false;
};

void LineWriter::State::run() {
  std::unique_lock lock{mutex};
  for (;;) {
    changed.wait(lock, [&] { return !waiting.empty() || ending; });
    if (waiting.empty() || broken) return;
    std::string lines = std::exchange(waiting, {});
    if (const auto lost = std::exchange(dropped, 0); lost > 0) {
      lines += "[relaunch] " + std::to_string(lost) +
               " lines lost: nobody reads this stream\n";
    }
    writing = true;
    lock.unlock();
    const bool written = write(lines);
    lock.lock();
    writing = false;
    if (!written) broken = true;
    const bool tell = std::exchange(asked_to_wait, false);
    const auto room = on_room;
    changed.notify_all();
    if (tell && room) {
      lock.unlock();
      room();
      lock.lock();
    }
    if (broken) return;
  }
}

LineWriter::LineWriter(Write write)
    : state_(std::make_shared<State>(std::move(write))) {}

LineWriter::~LineWriter() {
  flush(kLastPatience);
  bool ends = false;
  {
    const std::lock_guard lock{state_->mutex};
    ends = state_->idle();
    state_->ending = true;
    state_->on_room = {};
    state_->changed.notify_all();
  }
  if (!thread_.joinable()) return;
  // A thread on its way out while the process ends may crash it (Wine 8).
  ends ? thread_.join() : thread_.detach();
}

void LineWriter::write(std::string_view lines) {
  if (lines.empty()) return;
  const std::lock_guard lock{state_->mutex};
  if (state_->broken) return;
  if (state_->waiting.size() + lines.size() > kLimit) {
    for (const char c : lines) state_->dropped += c == '\n' ? 1 : 0;
    return;
  }
  state_->waiting += lines;
  if (!std::exchange(state_->running, true)) {
    thread_ = std::thread{[state = state_] {
      os::keep_signals_from_this_thread();
      state->run();
    }};
  }
  state_->changed.notify_all();
}

bool LineWriter::is_full() const {
  const std::lock_guard lock{state_->mutex};
  const bool full = state_->waiting.size() > kHigh && !state_->broken;
  if (full) state_->asked_to_wait = true;
  return full;
}

void LineWriter::on_room(std::function<void()> call) {
  const std::lock_guard lock{state_->mutex};
  state_->on_room = std::move(call);
}

bool LineWriter::flush(std::chrono::milliseconds patience) {
  std::unique_lock lock{state_->mutex};
  return state_->changed.wait_for(lock, patience,
                                  [&] { return state_->idle(); });
}

}  // namespace relaunch::supervisor
