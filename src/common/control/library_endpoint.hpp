// The control endpoint of a server that embeds the library, while it
// coordinates: from its start or its commit until it leaves.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <filesystem>
#include <memory>

#include "common/control/server.hpp"
#include "common/control/target.hpp"
#include "common/observe/metrics.hpp"
#include "common/upgrade/context.hpp"
#include "common/upgrade/coordinator_driver.hpp"
#include "common/upgrade/departures.hpp"
#include "common/upgrade/this_generation.hpp"

namespace relaunch::control {

/// Everything on the library's thread.
class LibraryEndpoint final : private Target {
 public:
  LibraryEndpoint(upgrade::Context& context, upgrade::ThisGeneration& self,
                  upgrade::Departures& departures,
                  upgrade::CoordinatorDriver& coordinator);
  ~LibraryEndpoint() override;

  /// Where the endpoint of these options is.
  static std::filesystem::path run_folder(const Options& options);

  /// Takes it over. While the incumbent has it, tried again until that has had
  /// the time to leave; what fails is logged, and the server serves without.
  void open();
  /// Lets it go, so that the successor can take it. Answers that were begun
  /// are still sent.
  void close();

 private:
  void try_to_open();

  // Target.
  void upgrade(UpgradeOrder order, OnLine on_line, OnEnd on_end) override;
  bool abort() override;
  void stop(StopMode mode) override;
  void reload(OnEnd on_end) override;
  boost::json::object status() const override;
  boost::json::array history() const override;
  std::string metrics() const override;
  observe::EventLog& events() override;

  upgrade::Context& context_;
  upgrade::ThisGeneration& self_;
  upgrade::Departures& departures_;
  upgrade::CoordinatorDriver& coordinator_;
  std::chrono::system_clock::time_point began_ =
      std::chrono::system_clock::now();
  std::chrono::steady_clock::time_point since_ =
      std::chrono::steady_clock::now();
  observe::Metrics metrics_;
  observe::Subscription counted_;
  std::unique_ptr<Server> server_;
  boost::asio::steady_timer retry_;
  std::chrono::milliseconds pause_{0};
  std::chrono::steady_clock::time_point give_up_{};
};

}  // namespace relaunch::control
