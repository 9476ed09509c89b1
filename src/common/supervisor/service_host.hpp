// What the service manager knows as the service: a small process that never
// changes. It starts the supervisor as its child, reports for it, passes orders
// on to it, follows to the one that takes its place, and starts it again when
// it dies.
//
// The supervisor and all below it are in the host's process tree: when the host
// itself is killed they end with it, so that the service that the service
// manager then starts finds its ports and its state free.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.hpp"
#include "common/os/channel.hpp"
#include "common/os/process.hpp"
#include "common/os/service.hpp"
#include "common/supervisor/options.hpp"
#include "common/supervisor/restart_policy.hpp"
#include "common/upgrade/deadline_timer.hpp"

namespace relaunch::supervisor {

struct ServiceHostOptions {
  /// `relaunch run …`: the program, absolute, and its arguments.
  std::vector<std::string> command;
  std::filesystem::path folder;  ///< where it runs
  /// From the order to stop until the whole tree is ended.
  std::chrono::milliseconds stop_deadline{150'000};
  RestartOptions restart;
};

/// All calls and callbacks on the io_context's thread.
class ServiceHost {
 public:
  struct Reports {
    /// starting and stopping: again and again, as long as they last.
    std::function<void(os::ServiceState)> state;
    /// Once, at the end: what the service stopped with.
    std::function<void(std::uint32_t code)> ended;
    std::function<void(bool error, std::string line)> log;
  };

  ServiceHost(boost::asio::io_context& io, ServiceHostOptions options,
              Reports reports);
  ~ServiceHost();

  void start();
  void order(os::ServiceOrder order);

 private:
  Result<void> launch();
  /// Another channel to a supervisor, and who has said that it is there.
  struct Link {
    std::unique_ptr<os::Channel> channel;
    os::Process process;
  };

  void hear(const os::Received& received);
  Result<void> give_links();
  Result<os::Handle> open_link(std::unique_ptr<Link>& link,
                               std::function<void(os::ProcessId)> on_here);
  void drop(std::unique_ptr<Link>& link);
  void go_on_with(std::unique_ptr<Link>& link);
  void is_next(os::ProcessId id);
  bool follow();
  Result<void> watch(const os::Process& supervisor);
  void child_gone();
  void child_ended();
  void on_output(std::string_view bytes);
  void repeat_report();
  void enter(os::ServiceState state);
  void end(std::uint32_t code);
  void start_again(std::uint32_t code, const std::string& why);

  boost::asio::io_context& io_;
  ServiceHostOptions options_;
  Reports reports_;
  RestartPolicy policy_;
  upgrade::DeadlineTimer report_timer_;
  upgrade::DeadlineTimer timer_;  ///< of the restart, or of the stop
  os::ServiceState state_ = os::ServiceState::starting;
  std::unique_ptr<os::Channel> channel_;
  std::optional<os::OutputPipe> output_;
  std::optional<os::ProcessWatch> watch_;
  os::Process child_;           ///< that was started here, with its tree
  os::Process successor_;       ///< and that has taken its place
  std::unique_ptr<Link> next_;  ///< for one that is to do so
  std::unique_ptr<Link> back_;  ///< for whom it is to replace
  upgrade::DeadlineTimer follow_timer_;
  /// Supervisors that died: their generations serve on, and end with their
  /// tree, which is this object's.
  std::deque<os::Process> survivors_;
  /// The last whole line that the child wrote, and what came after it.
  std::string last_line_;
  std::string unfinished_;
  bool output_ended_ = false;
  bool child_gone_ = false;
  bool awaits_here_ = false;  ///< the old one has ended
  bool served_ = false;
  bool ended_ = false;
};

/// The host as a process: what the service manager starts. Returns when the
/// service has stopped.
Result<void> run_service_host(const std::string& name,
                              const ServiceHostOptions& options);

}  // namespace relaunch::supervisor
