#include "foreign/supervised_program.hpp"

#include <boost/asio/post.hpp>
#include <utility>

#include "common/base/address.hpp"
#include "common/base/text.hpp"
#include "common/os/listener.hpp"
#include "support/child.hpp"
#include "support/http.hpp"

namespace relaunch::test {

using std::chrono::milliseconds;

supervisor::Options foreign_options(std::string_view child,
                                    std::vector<std::string> args) {
  supervisor::Options options;
  const auto request = child_request(child, std::move(args));
  options.program = request.arguments;
  options.program[0] = text::utf8(request.executable);
  options.foreign.readiness = supervisor::Readiness::notify;
  options.deadlines.probation = milliseconds{300};
  options.deadlines.health_interval = milliseconds{50};
  options.deadlines.drain = milliseconds{10'000};
  options.restart.delay = milliseconds{20};
  return options;
}

SupervisedProgram::SupervisedProgram(supervisor::Options options,
                                     const Prepare& prepare) {
  options.name = "test";
  options.state_folder = folder_ / "state";
  options.run_folder = folder_ / "run";
  options.folder = folder_.path();
  options.listeners.push_back({"http", "tcp://127.0.0.1:0"});
  const auto log = [this](LogLevel, std::string_view line) {
    const std::lock_guard lock{mutex_};
    lines_.emplace_back(line);
    changed_.notify_all();
  };
  supervisor_ =
      std::make_unique<supervisor::Supervisor>(std::move(options), log);
  supervisor_->prepare({}).value();
  const auto held = supervisor_->listeners().entries();
  port_ = os::local_address(held.at(0).socket).value().port();
  if (prepare) prepare(folder_.path(), port_);
  thread_ = std::thread{[this] {
    supervisor_->run();
    const std::lock_guard lock{mutex_};
    over_ = true;
    changed_.notify_all();
  }};
}

SupervisedProgram::~SupervisedProgram() {
  if (!stop(supervisor::StopMode::now)) supervisor_->io().stop();
  thread_.join();
}

void SupervisedProgram::post(
    std::function<void(supervisor::Supervisor&)> work) {
  boost::asio::post(supervisor_->io(),
                    [this, work = std::move(work)] { work(*supervisor_); });
}

bool SupervisedProgram::stop(supervisor::StopMode mode) {
  post([mode](supervisor::Supervisor& it) { it.stop(mode); });
  std::unique_lock lock{mutex_};
  return changed_.wait_for(lock, kStep, [this] { return over_; });
}

bool SupervisedProgram::wait_for_generation(std::uint32_t generation) const {
  const auto serves = [&] {
    const Status now = supervisor_->status();
    return now.generation == generation && now.pid != 0 &&
           (now.phase == Phase::idle || now.phase == Phase::drain);
  };
  const auto until = std::chrono::steady_clock::now() + kStep;
  std::unique_lock lock{mutex_};
  // A line is logged at each change, some just before it.
  while (!serves()) {
    if (std::chrono::steady_clock::now() > until) return false;
    changed_.wait_for(lock, milliseconds{10});
  }
  return true;
}

std::future<Outcome> SupervisedProgram::begin(upgrade::Order order) {
  auto promise = std::make_shared<std::promise<Outcome>>();
  auto outcome = promise->get_future();
  post([order = std::move(order), promise](supervisor::Supervisor& it) {
    it.upgrade(order, {},
               [promise](const Outcome& ended) { promise->set_value(ended); });
  });
  return outcome;
}

std::future<Outcome> SupervisedProgram::begin_upgrade() { return begin({}); }

Outcome SupervisedProgram::upgrade() {
  auto outcome = begin({});
  if (outcome.wait_for(kStep) == std::future_status::ready) {
    return outcome.get();
  }
  Outcome none;
  none.reason = "no outcome in time";
  return none;
}

Outcome SupervisedProgram::upgrade_to(std::vector<std::string> arguments) {
  upgrade::Order order;
  order.arguments = std::move(arguments);
  auto outcome = begin(std::move(order));
  if (outcome.wait_for(kStep) == std::future_status::ready) {
    return outcome.get();
  }
  Outcome none;
  none.reason = "no outcome in time";
  return none;
}

void SupervisedProgram::abort() {
  post([](supervisor::Supervisor& it) { it.abort(); });
}

std::string SupervisedProgram::wait_for_line(std::string_view part,
                                             std::size_t skip) const {
  std::unique_lock lock{mutex_};
  std::string found;
  changed_.wait_for(lock, kStep, [&] {
    for (; skip < lines_.size(); ++skip) {
      if (lines_[skip].find(part) == std::string::npos) continue;
      found = lines_[skip];
      return true;
    }
    return false;
  });
  return found;
}

std::size_t SupervisedProgram::lines() const {
  const std::lock_guard lock{mutex_};
  return lines_.size();
}

std::string SupervisedProgram::log() const {
  const std::lock_guard lock{mutex_};
  std::string all;
  for (const auto& line : lines_) all += line + '\n';
  return all;
}

std::string SupervisedProgram::get(std::string_view path) const {
  HttpRequest request;
  request.path = path;
  const auto answer = http_call(port_, request, milliseconds{10'000});
  if (!answer) return answer.error().text();
  if (answer->status != 200) return text::cat("status ", answer->status);
  return answer->body;
}

LoadPlan SupervisedProgram::load() const {
  LoadPlan plan;
  plan.port = port_;
  plan.path = "/";
  plan.expected = [](std::string_view body) { return body == "hello\n"; };
  return plan;
}

}  // namespace relaunch::test
