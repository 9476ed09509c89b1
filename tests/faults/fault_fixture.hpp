// One fault in the middle of an upgrade under load, and what must hold
// afterwards whatever it was (docs/faults.md).
#pragma once

#include <cstdlib>
#include <map>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "common/release/record_file.hpp"
#include "common/release/records.hpp"
#include "support/free_port.hpp"
#include "upgrade/upgrade_fixture.hpp"

namespace relaunch::test {

/// A number behind `key=` in a line.
inline std::uint64_t number_in(const std::string& line, std::string_view key) {
  const std::size_t at = line.find(' ' + std::string(key) + '=');
  if (at == line.npos) return 0;
  return std::strtoull(line.c_str() + at + key.size() + 2, nullptr, 10);
}

class FaultyUpgrade {
 public:
  explicit FaultyUpgrade(std::map<std::string, std::string> settings = {})
      : FaultyUpgrade(ServerSetup{.settings = std::move(settings)}) {}
  explicit FaultyUpgrade(ServerSetup setup)
      : server_(std::move(setup)), load_(server_.load(Connections::fresh)) {
    server_.census();
  }

  /// Whoever hangs keeps whoever asked waiting.
  ~FaultyUpgrade() {
    server_.process().kill_all();
    if (next_) next_->kill_all();
  }
  FaultyUpgrade(const FaultyUpgrade&) = delete;
  FaultyUpgrade& operator=(const FaultyUpgrade&) = delete;

  ServerUnderTest& server() { return server_; }

  /// On another thread: one who hangs does not answer.
  void begin(const Recipe& recipe,
             std::function<void(std::string_view)> on_line = {}) {
    lines_before_ = server_.process().lines().size();
    server_.next_build(recipe);
    answer_ = std::async(std::launch::async, [this, on_line] {
      return server_.update({}, on_line);
    });
  }
  UpdateAnswer answer() { return answer_.get(); }

  /// Another supervisor, after the first was killed.
  void start_supervisor() {
    if (next_) killed_.push_back(std::move(next_));
    next_ = server_.start_another();
    next_->expect_supervisor();
  }
  /// The first process, and those that it started; or the next supervisor's.
  ServerProcess& process() { return next_ ? *next_ : server_.process(); }
  std::string output() const {
    return server_.process().output() +
           (next_ ? "\nand then:\n" + next_->output() : "");
  }

  bool wait_for_successor() const {
    return server_.wait_for_turn(lines_before_);
  }
  /// Until it has happened.
  testing::AssertionResult wait_struck(std::string_view where) {
    const auto until = std::chrono::steady_clock::now() + kStepDeadline;
    while (!server_.struck(where)) {
      if (std::chrono::steady_clock::now() > until) {
        return testing::AssertionFailure() << where << " was never reached:\n"
                                           << server_.process().output();
      }
      (void)server_.hello();
    }
    return testing::AssertionSuccess();
  }

  /// I1 and I3: no connection was refused, and nothing was lost but what a
  /// process that was ended had taken.
  void expect_little_lost(bool somebody_was_ended) {
    EXPECT_TRUE(load_.wait_for_answers(5, kStepDeadline));
    const LoadReport report = load_.stop();
    EXPECT_EQ(count(report, Failure::refused), 0u) << report.text();
    EXPECT_EQ(count(report, Failure::timed_out), 0u) << report.text();
    EXPECT_EQ(count(report, Failure::wrong), 0u) << report.text();
    EXPECT_LE(report.failed(), somebody_was_ended ? 8u : 0u) << report.text();
  }
  bool successor_had_turn() const {
    const auto lines = server_.process().lines();
    std::size_t turns = 0;
    for (std::size_t i = lines_before_; i < lines.size(); ++i) {
      turns += lines[i].find("took the turn") != std::string::npos ? 1 : 0;
    }
    return turns > 0;
  }

  /// I2, I5: this generation, and nobody else.
  void expect_serves(std::uint32_t generation, const std::string& greeting) {
    EXPECT_EQ(server_.hello(), greeting) << output();
    const ServerStatus status = wait_idle(server_);
    EXPECT_EQ(status.generation, generation) << output();
    EXPECT_TRUE(process().wait_alone(status.pid, kStepDeadline)) << output();
    if (next_) expect_gone_but(status.pid);
    expect_recorded(status);
  }
  /// I4, I6: the next one works, and nothing was left by this one.
  void expect_next_works(std::uint32_t generation,
                         const std::string& query = {}) {
    upgrade_to("the next", generation, query);
    // The census of another supervisor begins with its first upgrade.
    if (next_) upgrade_to("another", generation + 1);
    expect_no_growth(generation == 1 ? 2 : 4);
  }
  void expect_nobody() {
    for (const auto id : server_.process().processes()) {
      EXPECT_TRUE(server_.process().wait_gone(id, kStepDeadline))
          << server_.process().output();
    }
  }

 private:
  /// The record may still be on its way to the disk.
  void expect_recorded(const ServerStatus& status) const {
    const auto text =
        release::read_record(server_.path("state") / release::kCommitted);
    ASSERT_TRUE(text);
    const auto record = release::read_current(*text);
    ASSERT_TRUE(record);
    EXPECT_EQ(record->current.generation, status.generation);
    EXPECT_EQ(record->current.pid, status.pid);
  }

  void upgrade_to(const std::string& greeting, std::uint32_t before,
                  const std::string& query = {}) {
    const UpdateAnswer answer =
        server_.update_to({{"greeting", greeting}}, query);
    EXPECT_THAT(answer.outcome, testing::StartsWith("done generation="))
        << output();
    const std::uint32_t generation = server_.status().generation;
    EXPECT_GT(generation, before);
    expect_serves(generation, greeting);
  }
  /// Of those that an earlier supervisor started; they name this one too.
  void expect_gone_but(os::ProcessId serving) {
    const auto supervisor = next_->processes().front();
    for (const auto id : server_.process().processes()) {
      if (id == serving || id == supervisor) continue;
      EXPECT_TRUE(server_.process().wait_gone(id, kStepDeadline)) << id << '\n'
                                                                  << output();
    }
  }
  /// The first generation is started otherwise than those that follow: `slack`
  /// handles or threads more are no leak.
  void expect_no_growth(std::uint64_t slack) {
    std::vector<std::string> taken;
    for (const auto& line : process().lines()) {
      if (line.starts_with("census ")) taken.push_back(line);
    }
    // Before a supervisor's first start there is no generation.
    // Another one has adopted one, or has started its own before two upgrades.
    if (server_.supervised() && (!next_ || taken.size() > 2)) {
      taken.erase(taken.begin());
    }
    ASSERT_GE(taken.size(), 2u);
    const auto grown = [&](std::string_view key) {
      return std::pair{number_in(taken.back(), key),
                       number_in(taken.front(), key)};
    };
    for (const char* key : {"handles", "threads"}) {
      const auto [after, before] = grown(key);
      EXPECT_LE(after, before + slack) << taken.front() << "\n" << taken.back();
    }
    for (const char* key : {"variables", "arguments"}) {
      const auto [after, before] = grown(key);
      EXPECT_EQ(after, before) << taken.front() << "\n" << taken.back();
    }
  }

  ServerUnderTest server_;
  std::unique_ptr<ServerProcess> next_;
  /// Destroyed, it would end those that the next one has taken in.
  std::vector<std::unique_ptr<ServerProcess>> killed_;
  LoadClient load_;
  std::size_t lines_before_ = 0;
  std::future<UpdateAnswer> answer_;
};

}  // namespace relaunch::test
