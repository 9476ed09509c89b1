// relaunch-demo: a server under load is rebuilt and relaunched, with good
// releases and bad ones, and no request is lost.
//
// The last line is for scripts:
//   requests=N failed=N upgrades=N rolled_back=N slowest_quiet_ms=X
//   slowest_upgrade_ms=Y
// With --supervised `relaunch run` holds the listener, and the story goes on
// with its verbs: a crash, a rollback, the status, the stop.
// The exit code is 0 if nothing failed and every step came out as it should.
#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "common/base/text.hpp"
#include "common/os/stop_request.hpp"
#include "common/os/system.hpp"
#include "demo/demo_config.hpp"
#include "demo/outcome_line.hpp"
#include "demo/settings.hpp"
#include "demo/steps.hpp"
#include "demo/supervisor_command.hpp"
#include "demo/terminal.hpp"
#include "demo/workshop.hpp"
#include "support/http.hpp"
#include "support/load_client.hpp"
#include "support/server_process.hpp"

namespace relaunch::demo {
namespace {

using std::chrono::milliseconds;
using test::LoadClient;
using test::LoadReport;

constexpr milliseconds kUpdateDeadline{300'000};
constexpr milliseconds kStepDeadline{60'000};
constexpr milliseconds kInterruptDeadline{3'000};
constexpr double kPerSecond = 40;

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.0f", value);
  return text;
}

class Demo {
 public:
  explicit Demo(const Settings& settings);
  ~Demo() {
    if (!settings_.keep) {
      server_.reset();
      workshop_.remove();
    }
  }

  void set_up();
  /// From another thread, before this process ends. Asked to stop, hello ends
  /// its build too.
  void interrupt() {
    const std::lock_guard lock(mutex_);
    if (server_ && !server_->stop(kInterruptDeadline)) server_->kill_all();
    if (!settings_.keep) workshop_.remove();
  }
  void run_step(int number, const Step& step);
  /// True if all came out as it should.
  bool finish();

 private:
  Workshop::Words command(std::initializer_list<std::string> words) const;
  void start_server();
  void start_load();
  void ask(const std::string& verb, std::string_view expected);
  void show_supervisor();
  std::string update();
  void check_step(const Step& step, const std::string& outcome);
  void show_edits(const Step& step) const;
  LoadReport sum() const;
  std::uint64_t answers_of(unsigned generation) const;
  void expect(bool holds, const std::string& what);

  std::mutex mutex_;
  Settings settings_;
  Terminal terminal_;
  Workshop workshop_;
  SupervisorCommand supervisor_{workshop_};
  std::unique_ptr<test::ServerProcess> server_;
  std::uint16_t port_ = 0;
  std::unique_ptr<LoadClient> fresh_;
  std::unique_ptr<LoadClient> kept_;

  std::vector<std::vector<std::string>> table_{
      {"step", "outcome", "serves", "greeting", "failed", "upgrade ms"}};
  os::ProcessId serving_pid_ = 0;
  unsigned upgrades_ = 0;
  unsigned rolled_back_ = 0;
  double slowest_upgrade_ = 0;
  bool as_it_should_ = true;
};

Demo::Demo(const Settings& settings)
    : settings_(settings),
      terminal_(settings.colours),
      workshop_(settings.source, settings.scratch) {}

Workshop::Words Demo::command(std::initializer_list<std::string> words) const {
  Workshop::Words all = kRunner;
  all.insert(all.end(), words);
  return all;
}

void Demo::expect(bool holds, const std::string& what) {
  if (holds) return;
  as_it_should_ = false;
  terminal_.bad("NOT AS IT SHOULD BE: " + what);
}

void Demo::set_up() {
  terminal_.title(std::string("relaunch on ") + kSystem);
  terminal_.say("building a copy of examples/hello in " + settings_.scratch);
  Workshop::Words configure = kRunner;
  configure.insert(configure.end(), kConfigure.begin(), kConfigure.end());
  for (const std::string& word :
       {std::string("-S"), settings_.scratch + "/source", std::string("-B"),
        settings_.scratch + "/build"}) {
    configure.push_back(word);
  }
  std::vector<std::string> output;
  const auto keep = [&](std::string_view line) { output.emplace_back(line); };
  if (!workshop_.run(configure, keep) ||
      !workshop_.run(
          command({"cmake", "--build", settings_.scratch + "/build"}), keep)) {
    for (const std::string& line : output) terminal_.quote(line);
    throw std::runtime_error("the copy of hello cannot be built");
  }
  start_server();
  start_load();
}

void Demo::ask(const std::string& verb, std::string_view expected) {
  expect(supervisor_.ask(verb, expected, terminal_),
         "expected: " + std::string(expected));
}

void Demo::show_supervisor() {
  terminal_.step(static_cast<int>(table_.size()), "The generation is killed");
  terminal_.say(
      "what it had accepted is lost, hence no load; who comes now "
      "waits in the queue");
  server_->kill(serving_pid_);
  test::HttpRequest request;
  request.path = "/hello";
  const auto answer = test::http_call(port_, request, kStepDeadline);
  const std::string generation =
      answer ? answer->header("X-Generation") : answer.error().text();
  expect(generation == std::to_string(upgrades_ + 2),
         "generation " + generation + " answers");
  terminal_.say("generation " + generation + " answers, from the same release");
  terminal_.step(static_cast<int>(table_.size()) + 1, "Its verbs");
  // Its start is in probation; who asks meanwhile is told so.
  expect(server_
             ->wait_for_line("start.ended: generation=" + generation,
                             kStepDeadline)
             .has_value(),
         "the restart does not end");
  ask("rollback", "done: generation=");
  ask("status", "serving         true");
  ask("history", "rolled_back");
  ask("stop", "");
}

void Demo::start_server() {
  const auto program =
      workshop_.path(std::string("build/hello") + kProgramSuffix);
  os::LaunchRequest request;
  request.executable = program;
  request.arguments = {text::utf8(program),
                       "--listen",
                       "tcp://127.0.0.1:0",
                       "--artifact",
                       text::utf8(program),
                       "--state-folder",
                       text::utf8(workshop_.path("state")),
                       "--probation",
                       "1500ms",
                       "--health-interval",
                       "100ms",
                       "--"};
  for (const std::string& word :
       command({"cmake", "--build", settings_.scratch + "/build"})) {
    request.arguments.push_back(word);
  }
  request.environment = os::own_environment();
  if (settings_.supervised) {
    request = supervisor_.over(
        std::move(request),
        command({"cmake", "--build", settings_.scratch + "/build"}));
  }
  {
    const std::lock_guard lock(mutex_);
    server_ = std::make_unique<test::ServerProcess>(std::move(request));
    if (settings_.supervised) server_->expect_supervisor();
  }
  const auto line = server_->wait_for_line("ready: address=", kStepDeadline);
  if (!line) {
    throw std::runtime_error("hello does not start:\n" + server_->output());
  }
  const std::string_view address =
      std::string_view(*line).substr(line->find("tcp://"));
  const std::string_view digits = address.substr(address.find(':', 6) + 1);
  std::from_chars(digits.data(), digits.data() + digits.size(), port_);
  terminal_.say("hello serves on 127.0.0.1:" + std::to_string(port_) +
                ", started from the build's own output file");
}

void Demo::start_load() {
  test::LoadPlan plan;
  plan.port = port_;
  plan.per_second = kPerSecond;
  plan.expected = [](std::string_view body) {
    if (body.ends_with('\n')) body.remove_suffix(1);
    return is_greeting(body);
  };
  fresh_ = std::make_unique<LoadClient>(plan);
  plan.connections = test::Connections::kept;
  kept_ = std::make_unique<LoadClient>(plan);
  terminal_.say("load: " + number(kPerSecond) +
                " requests a second with a new connection each, and " +
                number(kPerSecond) + " on kept ones");
  if (!fresh_->wait_for_answers(20, kStepDeadline)) {
    throw std::runtime_error("hello does not answer:\n" + server_->output());
  }
}

std::string Demo::update() {
  std::string outcome;
  test::HttpRequest request;
  request.method = "POST";
  request.path = "/update";
  const auto answer = test::http_call(
      port_, request, kUpdateDeadline, [&](std::string_view line) {
        constexpr std::string_view kMark = "outcome: ";
        if (line.starts_with(kMark)) {
          outcome = line.substr(kMark.size());
        } else {
          terminal_.quote(line);
        }
      });
  if (!answer) return "no answer: " + answer.error().text();
  return outcome;
}

void Demo::show_edits(const Step& step) const {
  if (!step.remark.empty()) terminal_.say(step.remark);
  for (const auto& [before, after] : step.edits) {
    if (before.starts_with("#include")) continue;
    terminal_.removed(before);
    std::string_view rest = after;
    while (!rest.empty()) {
      const std::string_view line = rest.substr(0, rest.find('\n'));
      terminal_.added(line);
      rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    }
  }
}

void Demo::run_step(int number, const Step& step) {
  terminal_.step(number, step.title);
  show_edits(step);
  workshop_.edit(step.edits);
  const unsigned successor = upgrades_ + 2;
  const std::uint64_t before = answers_of(successor);
  const std::string outcome = update();
  const std::string shown = outcome.substr(0, outcome.rfind(" began_us="));
  if (outcome.starts_with("done")) {
    ++upgrades_;
    terminal_.good(shown);
    serving_pid_ = pid_in(outcome);
  } else {
    terminal_.say(shown);
  }
  if (outcome.starts_with("rolled back")) {
    ++rolled_back_;
    const std::uint64_t answers = answers_of(successor) - before;
    expect(answers > 0, "it did not serve");
    terminal_.say("until then generation " + std::to_string(successor) +
                  " gave " + std::to_string(answers) + " good answers");
  }
  check_step(step, outcome);
}

void Demo::check_step(const Step& step, const std::string& outcome) {
  expect(outcome.starts_with(step.outcome),
         "expected: " + std::string(step.outcome));
  // The load goes on through whatever the step has left behind.
  expect(fresh_->wait_for_answers(20, kStepDeadline), "the load stands still");
  test::HttpRequest request;
  request.path = "/hello";
  const auto answer = test::http_call(port_, request, kStepDeadline);
  std::string greeting = answer ? answer->body : answer.error().text();
  if (greeting.ends_with('\n')) greeting.pop_back();
  const std::string generation =
      answer ? answer->header("X-Generation") : "nobody";
  expect(greeting == step.greeting,
         "expected: \"" + std::string(step.greeting) + '"');
  expect(generation == std::to_string(upgrades_ + 1),
         "generation " + generation + " answers");
  terminal_.say("generation " + generation + " serves: \"" + greeting + '"');

  const auto stage = began_ms(outcome, "stage");
  const auto probation = began_ms(outcome, "probation");
  std::string took = "-";
  if (step.replaced && stage && probation) {
    slowest_upgrade_ = std::max(slowest_upgrade_, *probation - *stage);
    took = number(*probation - *stage);
    terminal_.say("built in " + number(*stage) + " ms, it served " + took +
                  " ms later");
  }
  table_.push_back({std::string(step.title), heading(outcome),
                    "generation " + generation, greeting,
                    std::to_string(sum().failed()), took});
}

LoadReport Demo::sum() const {
  LoadReport all = fresh_->report();
  const LoadReport other = kept_->report();
  all.due += other.due;
  for (std::size_t i = 0; i < all.failures.size(); ++i) {
    all.failures[i] += other.failures[i];
  }
  all.longest_quiet = std::max(all.longest_quiet, other.longest_quiet);
  return all;
}

std::uint64_t Demo::answers_of(unsigned generation) const {
  std::uint64_t answers = 0;
  for (const LoadClient* client : {fresh_.get(), kept_.get()}) {
    const LoadReport report = client->report();
    const auto entry = report.generations.find(std::to_string(generation));
    if (entry != report.generations.end()) answers += entry->second;
  }
  return answers;
}

bool Demo::finish() {
  fresh_->stop();
  kept_->stop();
  const LoadReport all = sum();
  expect(server_->wait_alone(serving_pid_, kStepDeadline),
         "an older generation still lives");
  if (settings_.supervised) show_supervisor();
  expect(server_->stop(kStepDeadline), "a process did not end when asked to");
  terminal_.table(table_);
  terminal_.say(
      "upgrade ms: from the finished build until the new generation "
      "serves");
  terminal_.say("every process that was started has ended");
  if (all.failed() != 0) {
    terminal_.bad("requests failed:");
    terminal_.say(fresh_->report().text() + kept_->report().text());
  }
  if (all.failed() != 0 || !as_it_should_) {
    terminal_.say("what the server logged:\n" + server_->output());
  }
  terminal_.last_line(
      "requests=" + std::to_string(all.due) + " failed=" +
      std::to_string(all.failed()) + " upgrades=" + std::to_string(upgrades_) +
      " rolled_back=" + std::to_string(rolled_back_) + " slowest_quiet_ms=" +
      number(static_cast<double>(all.longest_quiet.count()) / 1000) +
      " slowest_upgrade_ms=" + number(slowest_upgrade_));
  return all.failed() == 0 && as_it_should_;
}

/// Ctrl-C reaches the demo alone: its servers have a session of their own.
class Interrupts {
 public:
  explicit Interrupts(Demo& demo)
      : requests_(os::StopRequests::watch(io_,
                                          [&demo] {
                                            demo.interrupt();
                                            std::_Exit(130);
                                          })),
        thread_([this] { io_.run(); }) {}
  ~Interrupts() {
    io_.stop();
    thread_.join();
  }

 private:
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type>
      work_{boost::asio::make_work_guard(io_)};
  Result<os::StopRequests> requests_;
  std::thread thread_;
};

int run(const Settings& settings) {
  Demo demo(settings);
  const Interrupts interrupts(demo);
  demo.set_up();
  int number = 0;
  for (const Step& step : steps()) demo.run_step(++number, step);
  return demo.finish() ? 0 : 1;
}

}  // namespace
}  // namespace relaunch::demo

int main() {
  using namespace relaunch;
  try {
    const auto words = os::own_arguments().value();
    const auto settings = demo::read_settings(words);
    if (!settings) {
      std::fwrite(demo::usage().data(), 1, demo::usage().size(), stdout);
      return words.back() == "--help" ? 0 : 64;
    }
    return demo::run(*settings);
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "relaunch-demo: %s\n", failure.what());
    return 70;
  }
}
