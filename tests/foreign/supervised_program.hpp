// A supervisor on a thread of its own, with a program below it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "common/supervisor/supervisor.hpp"
#include "support/load_client.hpp"
#include "support/scratch_folder.hpp"

namespace relaunch::test {

inline constexpr std::chrono::milliseconds kStep{30'000};

class SupervisedProgram {
 public:
  /// Before it is started: its working folder, the port of its listener.
  using Prepare = std::function<void(const std::filesystem::path& folder,
                                     std::uint16_t port)>;

  /// Gives it a state, a run and a working folder of its own, and the listener
  /// "http" on a free port of the loopback address. Throws Error.
  explicit SupervisedProgram(supervisor::Options options,
                             const Prepare& prepare = {});
  /// Stops it now; nothing is left.
  ~SupervisedProgram();
  SupervisedProgram(const SupervisedProgram&) = delete;
  SupervisedProgram& operator=(const SupervisedProgram&) = delete;

  std::uint16_t port() const { return port_; }
  std::filesystem::path folder() const { return folder_.path(); }
  Status status() const { return supervisor_->status(); }

  /// True: this generation serves, and no upgrade is under way.
  bool wait_for_generation(std::uint32_t generation) const;
  /// Starts the program anew beside the old one, and waits for the outcome.
  Outcome upgrade();
  /// The same without waiting.
  std::future<Outcome> begin_upgrade();
  /// With these arguments from here on.
  Outcome upgrade_to(std::vector<std::string> arguments);
  void abort();
  /// Waits until it has ended. False: it had not by the deadline.
  bool stop(supervisor::StopMode mode);

  /// The first line that contains this, after the first `skip` ones.
  std::string wait_for_line(std::string_view part, std::size_t skip = 0) const;
  std::size_t lines() const;
  std::string log() const;

  /// "hello\n", or why it is none.
  std::string get(std::string_view path = "/") const;
  LoadPlan load() const;

 private:
  void post(std::function<void(supervisor::Supervisor&)> work);
  std::future<Outcome> begin(upgrade::Order order);

  ScratchFolder folder_;
  std::uint16_t port_ = 0;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::vector<std::string> lines_;
  std::unique_ptr<supervisor::Supervisor> supervisor_;
  std::thread thread_;
  bool over_ = false;
};

/// Short deadlines, an http listener, this very test program as the child of
/// that name.
supervisor::Options foreign_options(std::string_view child,
                                    std::vector<std::string> args = {});

}  // namespace relaunch::test
