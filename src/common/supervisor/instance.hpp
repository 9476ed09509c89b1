// One instance of `relaunch run`: a supervisor that can be reached, by its
// control endpoint and by signals.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/control/server.hpp"
#include "common/os/operator_signals.hpp"
#include "common/supervisor/manager_report.hpp"
#include "common/supervisor/service_link.hpp"
#include "common/supervisor/supervisor.hpp"
#include "common/supervisor/takeover.hpp"

namespace relaunch::supervisor {

/// Everything on one thread: that of run().
class Instance final : private control::Target {
 public:
  /// Nothing is started yet, and no other instance has been disturbed. Errors:
  /// errc::busy if another process is this instance; of the folders and the
  /// listeners; a program that does not exist.
  /// `passed`: by the service manager.
  static Result<std::unique_ptr<Instance>> open(
      Options options, LogSink log, std::vector<os::PassedSocket> passed = {});
  ~Instance() override;

  /// Returns when it has been stopped and every generation has left. Or what
  /// is to be passed on: pass_on(replacement) when this object is gone.
  std::optional<PassedOn> run();
  /// What may take this one's place; otherwise nothing may.
  void replaceable_by(Replacement replacement) {
    replacement_ = std::move(replacement);
  }
  Supervisor& supervisor() { return *supervisor_; }
  /// USR1, reload: whoever writes the log opens its file again.
  void on_reopen_logs(std::function<void()> reopen) {
    reopen_logs_ = std::move(reopen);
  }
  /// Reads the configuration again, for reload. Until then reload starts the
  /// program anew with what there is.
  void on_read_options(std::function<Result<Options>()> read) {
    read_options_ = std::move(read);
  }
  /// In the text format of Prometheus.
  std::string metrics() const override;

 private:
  Instance(const Options& options, LogSink log);
  const Options& options() const { return supervisor_->options(); }
  Result<void> begin(const std::filesystem::path& run_folder);
  void on_signal(os::OperatorSignal signal);
  void on_service_order(os::ServiceOrder order);

  // control::Target.
  void upgrade(control::UpgradeOrder order, OnLine on_line,
               OnEnd on_end) override;
  bool abort() override;
  void stop(control::StopMode mode) override;
  void reload(OnEnd on_end) override;
  void replace_supervisor(
      std::function<void(const Result<void>&)> done) override;
  void checked(Result<void> result,
               const std::function<void(const Result<void>&)>& done);
  void let_go_soon();
  boost::json::object status() const override;
  boost::json::array history() const override;
  observe::EventLog& events() override;

  LogSink log_;
  std::unique_ptr<Supervisor> supervisor_;
  observe::Metrics metrics_;
  observe::Subscription counted_;
  std::unique_ptr<control::Server> server_;
  std::optional<os::OperatorSignals> signals_;
  ManagerReport::Stored stored_;          ///< by systemd, for this start
  std::optional<ManagerReport> report_;   ///< to systemd, if that asks for it
  std::unique_ptr<ServiceLink> service_;  ///< to its host, if it has one
  std::function<void()> reopen_logs_;
  std::function<Result<Options>()> read_options_;
  bool interrupted_ = false;
  std::optional<Replacement> replacement_;
  std::unique_ptr<Takeover> takeover_;
  std::optional<ServiceLink::Links> links_;  ///< to the service's host
  upgrade::DeadlineTimer answered_;
  bool lets_go_ = false;
};

}  // namespace relaunch::supervisor
