// A target that notes what it is asked, served on a thread of its own.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <condition_variable>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/control/client.hpp"
#include "common/control/server.hpp"
#include "control/refused_reload.hpp"
#include "support/scratch_folder.hpp"

namespace relaunch::control {

inline constexpr std::chrono::milliseconds kDeadline{20'000};

class FakeTarget final : public Target {
 public:
  void upgrade(UpgradeOrder order, OnLine on_line, OnEnd on_end) override {
    orders.push_back(std::move(order));
    on_line("[1/2] a.cpp");
    observe::Event event;
    event.name = observe::name::kUpgradePhase;
    event.phase = "launch";
    log.add(event);
    if (ends_later) {
      end = std::move(on_end);
    } else {
      on_end(outcome);
    }
  }
  bool abort() override {
    note("abort");
    return true;
  }
  void stop(StopMode mode) override {
    note("stop " + std::to_string(static_cast<int>(mode)));
  }
  void reload(OnEnd on_end) override { refuse_reload(on_end); }
  boost::json::object status() const override { return {{"schema", 1}}; }
  boost::json::array history() const override {
    return {{{"outcome", "done"}}};
  }
  std::string metrics() const override { return "relaunch_up 1\n"; }
  observe::EventLog& events() override { return log; }

  std::string noted() {
    const std::lock_guard lock{mutex_};
    return noted_;
  }

  observe::EventLog log;
  Outcome outcome;
  std::vector<UpgradeOrder> orders;
  OnEnd end;
  bool ends_later = false;

 private:
  void note(const std::string& what) {
    const std::lock_guard lock{mutex_};
    noted_ += what + ';';
  }
  std::mutex mutex_;
  std::string noted_;
};

class ServedTarget {
 public:
  explicit ServedTarget(
      std::chrono::milliseconds request_deadline = Server::kRequestDeadline) {
    server_ = Server::open(io_, folder(), target, {}).value();
    server_->set_request_deadline(request_deadline);
    thread_ = std::thread{[this] { io_.run(); }};
  }
  ~ServedTarget() {
    run([this] { server_.reset(); });
    work_.reset();
    io_.stop();
    thread_.join();
  }

  std::filesystem::path folder() const { return scratch_ / "run"; }
  std::string address() const { return os::endpoint_address(folder()); }
  Result<Answer> ask(const Request& request,
                     const std::function<void(const Answer&)>& on = {}) const {
    return call(address(), request, kDeadline, on);
  }
  Result<Answer> ask(Verb verb) const {
    Request request;
    request.verb = verb;
    return ask(request);
  }
  /// On the server's thread, to its end.
  void run(const std::function<void()>& work) {
    std::promise<void> done;
    boost::asio::post(io_, [&] {
      work();
      done.set_value();
    });
    done.get_future().wait_for(kDeadline);
  }

  FakeTarget target;

 private:
  test::ScratchFolder scratch_;
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type>
      work_{io_.get_executor()};
  std::unique_ptr<Server> server_;
  std::thread thread_;
};

}  // namespace relaunch::control
