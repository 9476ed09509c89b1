// A program that knows nothing of relaunch, found running by a supervisor that
// was started again: it can be watched and asked to stop, and no more.
#pragma once

#include <boost/asio/post.hpp>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "common/supervisor/console_stop.hpp"
#include "common/supervisor/listener_care.hpp"
#include "common/supervisor/options.hpp"
#include "common/upgrade/context.hpp"
#include "common/upgrade/generation.hpp"

namespace relaunch::supervisor {

class AdoptedProcess final : public upgrade::Generation {
 public:
  /// `embeds`: the library, but cannot be reached by it. `care`: of the
  /// listeners that it shares.
  AdoptedProcess(upgrade::Context& context,
                 std::shared_ptr<os::Process> process, bool embeds,
                 ForeignOptions options,
                 std::shared_ptr<const ListenerCare> care)
      : context_(context),
        process_(std::move(process)),
        embeds_(embeds),
        options_(std::move(options)),
        care_(std::move(care)) {}
  ~AdoptedProcess() override {
    if (!process_->gone()) return;
    // Not at once: this may be the end of everything.
    boost::asio::post(
        context_.io, [care = care_, pid = process_->id()] { care->look(pid); });
  }

  Result<void> launch(const release::Release&, LaunchPlan) override {
    return Error{errc::invalid_argument, "it runs already"};
  }
  void welcome() override {}
  void ask_health() override {}
  void give_turn() override {}
  void take_turn_back(std::chrono::milliseconds) override {}
  void commit(std::chrono::milliseconds, std::chrono::milliseconds) override {}
  const std::set<std::string>& unclaimed() const override { return none_; }
  std::vector<handover::OpenedListener> take_opened() override { return {}; }

  void serve(upgrade::Reports reports) override {
    reports_ = std::move(reports);
    auto watch = os::ProcessWatch::start(context_.io, *process_, [this] {
      if (reports_.gone) reports_.gone(process_->exit_status().text());
    });
    if (watch) {
      watch_ = std::make_unique<os::ProcessWatch>(std::move(*watch));
    } else {
      context_.log(LogLevel::error, watch.error().text());
    }
  }
  /// It cannot.
  void pause(const upgrade::Generation&, std::function<void()> done) override {
    done();
  }
  void resume() override {}
  void drain(std::chrono::milliseconds) override {
    const auto log = [&context = context_](const Result<void>& result) {
      if (!result) context.log(LogLevel::warning, result.error().text());
    };
    if (embeds_) return log(process_->ask_to_stop(options_.stop_signal));
    console_stop_ = ask_program_to_stop(context_.io, process_, options_, log);
  }
  void report(const Status&) override {}

  const std::shared_ptr<os::Process>& process() const override {
    return process_;
  }
  void kill() override {
    if (auto killed = process_->kill(); !killed) {
      context_.log(LogLevel::error, killed.error().text());
    }
  }
  void stop_watching() override { watch_.reset(); }
  void mute() override { reports_ = {}; }

 private:
  upgrade::Context& context_;
  std::shared_ptr<os::Process> process_;
  const bool embeds_;
  const ForeignOptions options_;
  std::optional<ConsoleStop> console_stop_;
  std::shared_ptr<const ListenerCare> care_;
  std::unique_ptr<os::ProcessWatch> watch_;
  upgrade::Reports reports_;
  std::set<std::string> none_;
};

}  // namespace relaunch::supervisor
