// Requests at a fixed rate, every one of them accounted for.
//
// A request is due at a fixed time and starts then, whatever is still
// outstanding; its latency counts from that time. So a server that stands
// still for a second shows a second of late answers, not one late answer
// (the mistake called coordinated omission).
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace relaunch::test {

enum class Connections {
  fresh,  ///< a new connection for each request
  kept,   ///< keep-alive: a few connections, used in turn
};

struct LoadPlan {
  std::string host = "127.0.0.1";  ///< numeric
  std::uint16_t port = 0;
  std::string path = "/hello";
  Connections connections = Connections::fresh;
  double per_second = 100;
  /// Kept connections that are used in turn; more are opened when all of them
  /// are busy at a due time.
  std::size_t kept = 8;
  /// A request that is due while so many are outstanding is not started; it is
  /// counted as an overrun, which is a failure.
  std::size_t in_flight = 256;
  /// From the due time until the whole answer is there.
  std::chrono::milliseconds timeout{10'000};
  /// Is this the right answer? Empty: any body of a 200.
  std::function<bool(std::string_view body)> expected;
  /// Each request at its end, on a thread of the client: when it was due since
  /// the start, how long it took from then, whether it has a good answer.
  std::function<void(std::chrono::microseconds due,
                     std::chrono::microseconds took, bool good)>
      on_end{};
};

/// What can become of a request that has no good answer.
enum class Failure : std::size_t {
  refused,    ///< no connection: nobody listens, or the queue was full
  reset,      ///< the connection was broken off
  closed,     ///< closed in good order, but without one byte of an answer
  truncated,  ///< closed within the answer
  timed_out,
  wrong,    ///< an answer, but not 200 with the right body
  overrun,  ///< never started: too many were outstanding
  other,    ///< an error of this side
};
inline constexpr std::size_t kFailureKinds = 8;
std::string_view to_string(Failure kind);

struct FailureNote {
  std::chrono::milliseconds at{0};  ///< since the start
  Failure kind = Failure::other;
  std::string text;
};

struct LoadReport {
  std::uint64_t due = 0;  ///< requests that were to be made; all have ended
  std::uint64_t ok = 0;
  std::array<std::uint64_t, kFailureKinds> failures{};
  std::vector<FailureNote> first_failures;
  /// How many good answers each generation gave (header X-Generation).
  std::map<std::string, std::uint64_t> generations;
  std::uint64_t connections = 0;  ///< opened in all
  /// The longest time without a good answer.
  std::chrono::microseconds longest_quiet{0};
  /// Of the good answers, from their due times; sorted.
  std::vector<std::chrono::microseconds> latencies;

  std::uint64_t failed() const;
  std::chrono::microseconds percentile(double percent) const;
  /// Several lines, for a person: counts, generations, first failures.
  std::string text() const;
};

/// Runs one plan on a thread of its own.
class LoadClient {
 public:
  explicit LoadClient(LoadPlan plan);
  ~LoadClient();  ///< stops
  LoadClient(const LoadClient&) = delete;
  LoadClient& operator=(const LoadClient&) = delete;

  /// Waits until `more` further good answers have come. False: they had not by
  /// the deadline.
  bool wait_for_answers(std::uint64_t more,
                        std::chrono::milliseconds deadline) const;
  /// Waits until `holds` is true of the report so far, whose latencies are not
  /// sorted. It is asked with a lock held: it must only look.
  bool wait_until(const std::function<bool(const LoadReport&)>& holds,
                  std::chrono::milliseconds deadline) const;
  /// So far. `due` counts the outstanding ones too.
  LoadReport report() const;
  /// Forgets the quiet interval so far: for the slowest of one step.
  void restart_quiet();
  /// Starts no more requests, waits for the outstanding ones.
  LoadReport stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace relaunch::test
