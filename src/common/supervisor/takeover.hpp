// Another build of the supervisor in the place of the running one.
//
// The generations hold the listeners meanwhile, and rejoin: as after a kill,
// but only after the other build has shown that it understands what it finds.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.hpp"
#include "common/build/runner.hpp"
#include "common/supervisor/passed_listeners.hpp"
#include "common/supervisor/service_link.hpp"
#include "common/upgrade/deadline_timer.hpp"

namespace relaunch::supervisor {

/// What a build prints that can take over: any program can end with 0.
inline constexpr std::string_view kCanTakeOver = "relaunch can take over";

struct Replacement {
  std::filesystem::path executable;
  std::vector<std::string> arguments;  ///< its name first
  /// With these it only calls check_takeover(), and ends.
  std::vector<std::string> check_arguments;
  std::chrono::milliseconds check_deadline{10'000};
  /// From the answer on, which is to reach whoever asked.
  std::chrono::milliseconds let_go_after{50};
  /// os::become(): longer than the new one waits for the generations.
  std::chrono::milliseconds takeover_deadline{25'000};
  /// Why the last one did not begin, and this supervisor goes on.
  std::string failed{};
};

/// What a supervisor that lets go has for the next one.
struct PassedOn {
  std::vector<os::PassedSocket> sockets;
  std::optional<ServiceLink::Links> links;
};

/// os::become(). Returns only if that failed: then this process is as before,
/// for another Instance.
Error pass_on(const Replacement& replacement, PassedOn passed);

/// Can this build take over what the journal tells of: is each generation in it
/// alive, and the one of the record among them? And will its listeners be here:
/// it gives them back, or they are `passed`? Nothing is changed.
Result<void> check_takeover(const Options& options,
                            std::vector<os::PassedSocket> passed);

/// Starts the other build for its check.
class Takeover {
 public:
  /// It is shown these listeners, where it will get them. `done` once, never
  /// from within this.
  Takeover(boost::asio::io_context& io, const Replacement& replacement,
           const std::vector<handover::ListenerSet::Entry>& listeners,
           std::function<void(Result<void>)> done);

 private:
  build::Runner runner_;
  upgrade::DeadlineTimer deadline_;
  bool can_ = false;  ///< it has said so
};

}  // namespace relaunch::supervisor
