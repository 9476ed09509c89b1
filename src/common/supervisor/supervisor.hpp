// Holds the listeners and replaces generations below it, in a process that
// stays the same.
//
// - A start is an upgrade from nobody, with the same phases and deadlines.
// - A generation that ends without being told to is started again from the
//   committed release, later and later; a crash loop is held.
// - The listeners stay open as long as this process runs: connections wait.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "common/control/target.hpp"
#include "common/observe/metrics.hpp"
#include "common/os/become.hpp"
#include "common/os/endpoint.hpp"
#include "common/supervisor/journal.hpp"
#include "common/supervisor/listener_care.hpp"
#include "common/supervisor/options.hpp"
#include "common/supervisor/passed_listeners.hpp"
#include "common/supervisor/recovery.hpp"
#include "common/supervisor/restart_policy.hpp"
#include "common/upgrade/context.hpp"
#include "common/upgrade/coordinator_driver.hpp"
#include "common/upgrade/deadline_timer.hpp"
#include "common/upgrade/departures.hpp"
#include "common/upgrade/host.hpp"

namespace relaunch::supervisor {

using control::StopMode;

/// Everything on one thread: that of run().
class Supervisor final : private upgrade::Host {
 public:
  using OnLine = upgrade::CoordinatorDriver::OnLine;
  using OnEnd = upgrade::CoordinatorDriver::OnEnd;

  Supervisor(Options options, LogSink log);
  ~Supervisor() override;

  /// Before prepare(): what its service manager has passed to this process.
  void inherit(std::vector<os::PassedSocket> sockets) {
    passed_ = PassedListeners{std::move(sockets)};
  }
  /// Opens the state folder and the listeners; nothing is started. `control`:
  /// where generations find this supervisor again. Errors: of the state
  /// folder, a listener that cannot be had, a program that does not exist.
  Result<void> prepare(std::string control);

  /// Starts the first generation and returns when it has been stopped and
  /// every generation has left.
  void run();
  boost::asio::io_context& io() { return context_.io; }
  const Options& options() const { return options_; }
  /// As relaunch::Options::on_launch.
  void on_launch(std::function<void(LaunchPlan&)> callback) {
    context_.options.on_launch = std::move(callback);
  }

  /// In place of os::launch, for what is to become this generation.
  void on_start_process(upgrade::Context::StartProcess start) {
    context_.start_process = std::move(start);
  }
  /// Who reads what generations print: where that is, for the journal, and to
  /// read on there when another supervisor has been killed.
  struct OutputReader {
    std::function<std::vector<std::string>(os::ProcessId)> places;
    std::function<Result<void>(const os::Process&, std::uint32_t generation,
                               const std::vector<std::string>& places)>
        take_back;
  };
  void on_output(OutputReader reader) { output_ = std::move(reader); }
  /// False: the log leaves out the sentences about what is an event.
  void tell_transitions(bool tell) { context_.logs_transitions = tell; }

  /// A generation that an earlier supervisor has left says where it is.
  void rejoin(std::unique_ptr<os::Channel> channel, os::Peer peer,
              os::Received first);

  void upgrade(upgrade::Order order, OnLine on_line, OnEnd on_end);
  /// To a kept release; "previous": the one that was committed before.
  void rollback(UpgradeRequest request, const std::string& release,
                OnLine on_line, OnEnd on_end);
  /// The release that runs once more, in a new generation, with these options.
  /// Unless that is done, everything is as before. Refused with
  /// errc::invalid_argument if something is changed that stays as it is as long
  /// as the supervisor runs: the instance, its output, what kind of program it
  /// is, the address of a listener.
  /// Options that could not be read refuse it too.
  void reload(Result<Options> options, OnEnd on_end);
  /// False: nothing is under way.
  bool abort() { return driver_->abort(); }
  /// Can another supervisor take this one's place, without anything that
  /// serves noticing?
  Result<void> can_let_go() const;
  /// Where it can, run() returns; the generations serve on, for whoever takes
  /// them in.
  void let_go();
  /// When run() has returned after that: what is to be passed on to the next.
  std::vector<os::PassedSocket> pass_on();
  void stop(StopMode mode);
  Status status() const { return context_.board.read(); }
  /// False: its generations know nothing of relaunch, and in an upgrade the
  /// old and the new one accept side by side.
  bool pauses() const {
    return options_.foreign.readiness == Readiness::embedded;
  }
  /// Generations of an earlier supervisor are still awaited.
  bool recovering() const { return !recovered_; }
  bool in_crash_loop() const { return policy_.in_crash_loop(); }
  std::chrono::milliseconds uptime() const;
  const handover::ListenerSet& listeners() const { return listeners_; }
  const upgrade::Departures& departures() const { return departures_; }
  observe::EventLog& events() { return context_.events; }
  observe::History& history() { return context_.history; }
  /// For the metrics; the version is whoever asks's to fill in.
  observe::Snapshot snapshot() const;

 private:
  Result<upgrade::Order> last_good() const;
  void restart(OnEnd on_end);

  // supervisor_listeners.cpp
  /// Those that are configured and not held yet.
  Result<void> open_listeners();
  Result<void> open_listener(const ListenerOption& option);
  void close_listener(const std::string& name);
  void tell_listener(std::string_view event, std::string which);
  void tell_opened(const std::string& name, const std::string& asked);
  bool holds(const std::string& name) const;
  void settle_passed();

  // supervisor_reload.cpp
  void configure(Options options);
  Result<std::set<std::string>> open_more(const Options& options);
  bool embedded() const {
    return options_.foreign.readiness == Readiness::embedded;
  }
  void start();
  void schedule_restart(const std::string& why);
  void incumbent_ended(const std::string& status);
  void incumbent_lost(const Error& error);
  void run_waiting();
  void tell(observe::Event event, std::string_view name);

  // supervisor_recovery.cpp
  void note_generation(const observe::Event& event);
  void write_journal();
  void recover();
  void note_listeners();
  void lacks_listeners(std::string why);
  bool regain_listeners();
  void take_in(Recovery::Found& found);
  void adopt(Recovery::Found& found);
  std::unique_ptr<upgrade::Generation> adopted_process(
      const Recovery::Found& found);

  // supervisor_host.cpp
  void serve(std::unique_ptr<upgrade::Generation> generation);
  void keep_listeners(upgrade::Generation& successor);
  void watch_leave(std::unique_ptr<upgrade::Generation> generation,
                   std::uint32_t number);
  void one_has_left();
  std::optional<std::string> why_not() const override;
  os::ProcessId pid() const override;
  std::unique_ptr<upgrade::Generation> make_successor(
      upgrade::Generation::Tell tell) override;
  Result<void> introduce(upgrade::Generation& successor) override;
  void pause(const upgrade::Generation& successor,
             std::function<void()> done) override;
  void end_incumbent() override;
  void resume() override;
  void succeed(std::unique_ptr<upgrade::Generation> successor,
               const release::Release& release) override;
  void leave() override;
  void ended(const Outcome& outcome) override;

  os::Predecessor predecessor_ = os::Predecessor::find();
  Options options_;
  upgrade::Context context_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type>
      work_;
  handover::ListenerSet listeners_;
  PassedListeners passed_;
  upgrade::Departures departures_;
  RestartPolicy policy_;
  upgrade::DeadlineTimer restart_timer_;
  /// The incumbent cannot be reached, and was asked to leave.
  upgrade::DeadlineTimer lost_timer_;
  std::unique_ptr<upgrade::CoordinatorDriver> driver_;
  std::unique_ptr<upgrade::Generation> incumbent_;
  Journal journal_;
  Recovery recovery_;
  std::shared_ptr<ListenerCare> care_;  ///< for those that were found running
  JournalEntry starting_;               ///< the successor, if there is one
  observe::Subscription noted_;
  OutputReader output_;
  /// Why there can be no upgrade: somebody else has the listeners.
  std::optional<std::string> without_listeners_;
  /// Asked for in probation, and begun when that has ended.
  std::function<void()> waiting_;
  std::chrono::system_clock::time_point began_ =
      std::chrono::system_clock::now();
  std::chrono::steady_clock::time_point since_ =
      std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point committed_{};
  StopMode stop_mode_ = StopMode::drain;
  bool stopping_ = false;
  bool killed_ = false;  ///< the incumbent, by this supervisor
  bool recovered_ = false;
};

}  // namespace relaunch::supervisor
