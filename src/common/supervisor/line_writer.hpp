// Writes to a stream that may stand still, on a thread of its own.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>
#include <thread>

namespace relaunch::supervisor {

/// The supervisor's own streams may be a pipe that nobody reads: whoever
/// writes here never waits. Its thread starts with the first line and sleeps
/// when there is nothing to write.
class LineWriter {
 public:
  /// So much may wait to be written; a line beyond is dropped.
  static constexpr std::size_t kLimit = std::size_t{1} << 20;
  /// From here on whoever can is asked to wait.
  static constexpr std::size_t kHigh = kLimit / 4;

  /// Writes all of it, however long that takes; false: the stream is broken,
  /// and nothing is written any more. On the writer's thread.
  using Write = std::function<bool(std::string_view)>;

  explicit LineWriter(Write write);
  /// Gives it a second to write what waits. A thread that writes even then is
  /// left behind; else it has ended.
  ~LineWriter();
  LineWriter(const LineWriter&) = delete;
  LineWriter& operator=(const LineWriter&) = delete;

  /// Whole lines with their ends.
  void write(std::string_view lines);
  /// More than kHigh waits.
  bool is_full() const;
  /// Called on the writer's thread each time when it is full no more.
  void on_room(std::function<void()> call);
  /// Waits until all is written, or so long. False: something is left.
  bool flush(std::chrono::milliseconds patience);

 private:
  struct State;
  std::shared_ptr<State> state_;
  std::thread thread_;
};

}  // namespace relaunch::supervisor
