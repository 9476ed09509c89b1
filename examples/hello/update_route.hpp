// POST /update: what was asked for, and what there is to tell about it.
// No HTTP here: the server moves the text.
#pragma once

#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "relaunch/outcome.hpp"
#include "relaunch/upgrader.hpp"

namespace hello {

/// "force=1&end-probation=1&skip-build=1", each with 0, 1 or no value. Nothing
/// for a name or a value that means nothing: a typing error is not ignored.
std::optional<relaunch::UpgradeRequest> parse_update_query(
    std::string_view query);

/// The last line of the answer, without its end:
/// "outcome: done generation=2 pid=71 release=… took_ms=812 …",
/// "outcome: rolled back in probation: <reason>; generation=1 pid=70 serves".
std::string outcome_line(const relaunch::Outcome& outcome);

/// From the library's thread to the connection that waits: lines as they come,
/// and at last the outcome. A connection that is gone or slow delays nothing.
class UpdateFeed {
 public:
  static constexpr std::size_t kMaxWaiting = std::size_t{1024} * 1024;

  /// `wake` is called from the library's thread when there is something.
  explicit UpdateFeed(std::function<void()> wake) : wake_(std::move(wake)) {}

  void add_line(std::string_view line);
  void end(const relaunch::Outcome& outcome);

  struct News {
    std::string text;  ///< whole lines; may be empty
    /// With the last ones.
    std::optional<relaunch::Outcome::Result> result;
  };
  News take();

  /// It ended before anything was started.
  bool refused();

 private:
  const std::function<void()> wake_;
  std::mutex mutex_;
  std::string waiting_;
  std::size_t left_out_ = 0;
  std::optional<relaunch::Outcome::Result> result_;
};

}  // namespace hello
