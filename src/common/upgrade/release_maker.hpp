// From the request to a release: runs the build, stages what it left.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "common/build/runner.hpp"
#include "common/release/store.hpp"
#include "common/upgrade/context.hpp"

namespace relaunch::upgrade {

/// All calls and callbacks on the library's thread.
class ReleaseMaker {
 public:
  explicit ReleaseMaker(Context& context) : context_(context) {}
  /// Cancels, and waits for the file that is being copied; no callback comes
  /// afterwards.
  ~ReleaseMaker();

  void build(std::function<void(std::string_view)> on_line,
             std::function<void(build::Finished)> on_end);
  void cancel_build();

  struct Staged {
    release::Release release;
    bool nothing_to_do = false;  ///< it is what runs here
    std::optional<Error> error;
  };
  struct Wanted {
    release::Artifact artifact;
    bool also_running = false;  ///< what runs here already, too
    bool also_held = false;     ///< what failed before, too
  };
  /// On a thread of its own: it reads and writes whole programs. errc::busy
  /// while a staging that was cancelled has not ended: it hangs in the file
  /// system.
  void stage(Wanted wanted, std::function<void(Staged)> on_end);
  void cancel_stage() { cancelled_ = true; }

 private:
  void free_artifact_file();
  Staged make_release(const Wanted& wanted);
  std::string running_release() const;

  Context& context_;
  std::unique_ptr<build::Runner> runner_;
  std::atomic<bool> cancelled_{false};
  std::atomic<bool> staging_{false};
  std::thread thread_;
  std::uint64_t stagings_ = 0;
};

}  // namespace relaunch::upgrade
