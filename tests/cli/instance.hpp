// A running instance as the command sees it, on a thread of its own.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cli/command.hpp"
#include "common/base/text.hpp"
#include "common/control/server.hpp"
#include "common/observe/history.hpp"
#include "control/refused_reload.hpp"
#include "support/scratch_folder.hpp"

namespace relaunch::test {

class Instance final : public NamedInstance, private control::Target {
 public:
  Instance() : NamedInstance("shop") {
    outcome_.result = Outcome::Result::done;
    outcome_.serving_generation = 2;
    outcome_.serving_pid = 71;
    server_ = control::Server::open(io_, folder_ / "run", *this, {}).value();
    thread_ = std::thread{[this] { io_.run(); }};
  }
  ~Instance() override {
    end();
    work_.reset();
    thread_.join();
  }

  /// What it was asked for, in words.
  std::string noted() const {
    const std::lock_guard lock{mutex_};
    return noted_;
  }
  /// Its process ends, as others see it.
  void end() {
    on_its_thread([this] { server_.reset(); });
  }
  /// So its upgrades end from now on.
  void will_end(const Outcome& upgrade) {
    on_its_thread([&] { outcome_ = upgrade; });
  }

  std::vector<std::string> lines = {"[1/2] main.cpp", "warning: x\x1b[2J"};
  bool is_upgrading = true;
  bool is_slow = false;  ///< its upgrade does not end, nor its drain

 private:
  void upgrade(control::UpgradeOrder order, OnLine on_line,
               OnEnd on_end) override {
    note("upgrade");
    if (order.request.skip_build) note(" skip_build");
    if (order.request.force) note(" force");
    if (order.request.end_probation) note(" end_probation");
    if (!order.artifact.empty()) {
      note(" artifact=" + text::utf8(order.artifact.filename()));
    }
    if (!order.release.empty()) note(" release=" + order.release);
    if (order.arguments) {
      for (const auto& word : *order.arguments) note(" <" + word + '>');
    }
    add(observe::name::kUpgradeStarted, {});
    add(observe::name::kUpgradePhase, "build");
    for (const auto& line : lines) on_line(line);
    add(observe::name::kUpgradePhase, "stage");
    if (!is_slow) on_end(outcome_);
  }
  bool abort() override {
    note("abort");
    return is_upgrading;
  }
  void stop(control::StopMode mode) override {
    note(mode == control::StopMode::now ? "stop now" : "stop");
    if (is_slow) return;
    // Its last answer leaves before the process does.
    boost::asio::post(
        io_, [this] { boost::asio::post(io_, [this] { server_.reset(); }); });
  }
  void reload(OnEnd on_end) override { control::refuse_reload(on_end); }
  boost::json::object status() const override {
    return {{"schema", 1}, {"name", "shop"}, {"generation", 2}};
  }
  boost::json::array history() const override {
    return {observe::to_json(
        observe::history_entry(1, outcome_, std::chrono::milliseconds{9}))};
  }
  std::string metrics() const override { return "relaunch_up 1\n"; }
  observe::EventLog& events() override { return log_; }

  void on_its_thread(const std::function<void()>& what) {
    std::promise<void> done;
    boost::asio::post(io_, [&] {
      what();
      done.set_value();
    });
    done.get_future().wait();
  }
  void note(const std::string& what) {
    const std::lock_guard lock{mutex_};
    noted_ += what;
  }
  void add(std::string_view name, std::string_view phase) {
    observe::Event event;
    event.name = name;
    event.phase = phase;
    log_.add(event);
  }

  Outcome outcome_;
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type>
      work_{io_.get_executor()};
  std::unique_ptr<control::Server> server_;
  observe::EventLog log_;
  std::thread thread_;
  mutable std::mutex mutex_;
  std::string noted_;
};

}  // namespace relaunch::test
