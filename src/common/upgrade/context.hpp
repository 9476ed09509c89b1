// What the parts of one generation share.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/text.hpp"
#include "common/observe/event_log.hpp"
#include "common/observe/history.hpp"
#include "common/os/handle.hpp"
#include "common/os/process.hpp"
#include "common/release/store.hpp"
#include "common/upgrade/mailbox.hpp"
#include "relaunch/upgrader.hpp"

namespace relaunch::upgrade {

/// How a successor finds its channel: the number of the handle, and the
/// process that made it. The third only if that is a supervisor, which stays:
/// the address of its control endpoint, or nothing.
inline constexpr std::string_view kChannelVariable = "RELAUNCH_CHANNEL";
inline constexpr std::string_view kIncumbentVariable = "RELAUNCH_INCUMBENT";
inline constexpr std::string_view kSupervisorVariable = "RELAUNCH_SUPERVISOR";

/// What others may ask for at any moment, from any thread.
class StatusBoard {
 public:
  Status read() const {
    const std::lock_guard lock{mutex_};
    return status_;
  }
  template <typename Change>
  void change(Change change) {
    std::unique_lock lock{mutex_};
    change(status_);
    if (!observer_) return;
    const Status changed = status_;
    lock.unlock();
    observer_(changed);
  }
  /// Called after each change, on the thread that makes it. Not while others
  /// may change something.
  void observe(std::function<void(const Status&)> observer) {
    observer_ = std::move(observer);
  }

 private:
  mutable std::mutex mutex_;
  Status status_;
  std::function<void(const Status&)> observer_;
};

/// Made once in the constructor of the Upgrader; afterwards only the library's
/// thread uses it, the status board and the io_context apart.
struct Context {
  boost::asio::io_context io{1};
  std::shared_ptr<Mailbox> mailbox = std::make_shared<Mailbox>(io);
  Options options;
  std::optional<release::Store> store;
  StatusBoard board;

  std::uint32_t generation = 1;
  /// The release that runs here; empty: not known yet, or not staged.
  std::string release;
  /// Not a generation itself: it holds the listeners for others.
  bool supervises = false;
  /// Its configuration says where these listen.
  std::set<std::string> fixed_listeners;
  /// The address of its control endpoint, if it has one.
  std::string control;
  /// The bytes that run here, whatever their file is called by now.
  os::Handle running_image;
  /// How this generation was started.
  LaunchPlan launched;
  /// How the process of a generation is started.
  using StartProcess = std::function<Result<os::Process>(
      const os::LaunchRequest&, std::uint32_t generation)>;
  StartProcess start_process;  ///< empty: os::launch
  /// Generations are children of whoever started this one.
  bool starts_siblings = false;
  /// Every transition, for whoever follows them.
  observe::EventLog events;
  observe::History history;
  bool logs_transitions = true;
  /// A successor coordinates from now on; the incumbent that it has succeeded
  /// is gone; this generation leaves. May be empty.
  std::function<void()> on_stay;
  std::function<void()> on_incumbent_gone;
  std::function<void()> on_leave;

  /// The next generation's.
  Result<os::Process> start(const os::LaunchRequest& request) const {
    return start_process ? start_process(request, generation + 1)
                         : os::launch(request);
  }

  release::Artifact artifact() const {
    return {options.artifact, options.executable};
  }
  /// The program's file where the build leaves it.
  std::filesystem::path built_program() const {
    return options.executable.empty() ? options.artifact
                                      : options.artifact / options.executable;
  }

  template <typename... Parts>
  void log(LogLevel level, const Parts&... parts) const {
    if (options.log) options.log(level, text::cat(parts...));
  }
  /// Of what is an event too: left out where the log is made from the events.
  template <typename... Parts>
  void log_transition(LogLevel level, const Parts&... parts) const {
    if (logs_transitions) log(level, parts...);
  }
};

}  // namespace relaunch::upgrade
