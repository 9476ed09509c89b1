// Runs the build command: lines out as they come, the last 64 KiB kept, the
// whole process tree ended on cancel.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.hpp"
#include "common/os/process.hpp"
#include "common/os/system.hpp"

namespace relaunch::build {

inline constexpr std::size_t kTailBytes = 64 * 1024;
/// A line that is longer is passed on in pieces.
inline constexpr std::size_t kMaxLineBytes = 16 * 1024;

struct BuildCommand {
  /// Program first: a name is looked up in the PATH of `environment`, a
  /// relative path is one as seen from `folder`.
  std::vector<std::string> arguments;
  std::filesystem::path folder;  ///< empty: ours
  /// Complete; of two entries for one name the later counts.
  os::Environment environment;
  /// As os::LaunchRequest::listeners. With them its exit status is not told in
  /// a host program that takes exit statuses away.
  std::vector<os::PassedListener> listeners = {};
};

struct Finished {
  std::optional<Error> error;  ///< errc::build_failed, errc::stopped, system
  std::string tail;            ///< the last kTailBytes of the output
};

/// One build. All calls and callbacks on the io_context's thread.
class Runner {
 public:
  explicit Runner(boost::asio::io_context& io);
  ~Runner();  ///< ends the tree; no callback comes afterwards

  /// `on_line` for each line without its end, control characters as they came;
  /// `on_end` once, also if the command cannot be started. The build has ended
  /// when its own process has; background processes that it left are ended.
  void start(const BuildCommand& command,
             std::function<void(std::string_view)> on_line,
             std::function<void(Finished)> on_end);
  /// Ends the tree; on_end follows with errc::stopped. Nothing when idle.
  void cancel();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

/// The program that this command starts: absolute, or as seen from its folder.
/// Error: there is none.
Result<std::filesystem::path> locate(const BuildCommand& command,
                                     const os::Environment& environment);

/// The program that `name` means: itself if it has a separator, else the first
/// match in the absolute folders of PATH (Windows: with .exe). Error: not
/// found, with the PATH.
Result<std::filesystem::path> find_program(std::string_view name,
                                           std::string_view path_variable);

}  // namespace relaunch::build
