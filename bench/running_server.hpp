// bench_server, started and replaced from outside.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "support/scratch_folder.hpp"
#include "support/server_process.hpp"

namespace relaunch::bench {

/// Longer than any step takes.
inline constexpr std::chrono::milliseconds kPatience{60'000};

class RunningServer {
 public:
  /// `mode`: library, plain or restarted. Throws if it does not serve.
  explicit RunningServer(const std::string& mode,
                         std::vector<std::string> settings = {});

  std::uint16_t port() const { return port_; }
  /// When each phase began, in microseconds, as the server tells it. Throws if
  /// the upgrade is not done. Only in the mode library.
  std::map<std::string, double> upgrade();
  /// The seed's way: returns when the new one listens.
  void restart();
  /// When nobody accepted in the last upgrade, as the two generations tell it:
  /// from the first order to pause to when an accept is pending again.
  struct Gap {
    std::chrono::steady_clock::time_point begin;
    std::chrono::steady_clock::time_point end;
    std::chrono::steady_clock::duration length() const { return end - begin; }
  };
  Gap gap() const;

 private:
  std::string post_upgrade();

  test::ScratchFolder folder_;
  std::unique_ptr<test::ServerProcess> process_;
  std::uint16_t port_ = 0;
};

/// The program that serves, for whoever starts it in another way.
std::string server_program();

}  // namespace relaunch::bench
