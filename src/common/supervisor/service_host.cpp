#include "common/supervisor/service_host.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <random>
#include <utility>

#include "common/base/text.hpp"
#include "common/os/system.hpp"
#include "common/supervisor/service_link.hpp"

namespace relaunch::supervisor {

namespace {

using os::ServiceOrder;
using os::ServiceState;
using std::chrono::steady_clock;

/// So many dead supervisors ago nothing is left that is worth a handle.
constexpr std::size_t kMaxSurvivors = 8;
constexpr std::size_t kMaxLine = 2'000;

/// What no second attempt makes better: the command line, the configuration, a
/// right that is missing; see the exit codes in docs/operations.md.
bool is_hopeless(const os::ExitStatus& status) {
  constexpr std::uint32_t kHopeless[] = {64, 77, 78};
  return status.kind == os::ExitStatus::Kind::exited &&
         std::find(std::begin(kHopeless), std::end(kHopeless), status.code) !=
             std::end(kHopeless);
}

}  // namespace

ServiceHost::ServiceHost(boost::asio::io_context& io,
                         ServiceHostOptions options, Reports reports)
    : io_(io),
      options_(std::move(options)),
      reports_(std::move(reports)),
      policy_(options_.restart),
      report_timer_(io),
      timer_(io),
      follow_timer_(io) {}

ServiceHost::~ServiceHost() {
  watch_.reset();
  if (child_) (void)child_.kill_tree();
}

void ServiceHost::start() {
  enter(ServiceState::starting);
  if (auto launched = launch(); !launched) {
    reports_.log(true, launched.error().text());
    return end(1);
  }
}

// Starting and stopping may take long: the service manager believes in them as
// long as it hears of them.
void ServiceHost::repeat_report() {
  if (state_ == ServiceState::running || ended_) return;
  reports_.state(state_);
  report_timer_.arm(os::kServiceHint / 3, [this] { repeat_report(); });
}

void ServiceHost::enter(ServiceState state) {
  state_ = state;
  reports_.state(state);
  report_timer_.disarm();
  repeat_report();
}

void ServiceHost::end(std::uint32_t code) {
  if (std::exchange(ended_, true)) return;
  report_timer_.disarm();
  timer_.disarm();
  reports_.ended(code);
}

Result<void> ServiceHost::launch() {
  auto pair = os::make_channel_pair();
  if (!pair) return pair.error();
  auto output = os::OutputPipe::open(io_);
  if (!output) return output.error();
  os::LaunchRequest request;
  request.executable = text::path_from_utf8(options_.command.front());
  request.arguments = options_.command;
  request.folder = options_.folder;
  request.environment = os::own_environment();
  request.handles = {{kServiceVariable, pair->theirs.get()}};
  request.output = output->child_end();
  request.own_tree = true;
  auto launched = os::launch(request);
  if (!launched) return launched.error();
  child_ = std::move(*launched);
  output->close_child_end();
  output_.emplace(std::move(*output));
  last_line_.clear();
  unfinished_.clear();
  output_ended_ = child_gone_ = false;
  output_->start([this](std::string_view bytes) { on_output(bytes); });
  if (auto watched = watch(child_); !watched) {
    // It would be in the way of the next one.
    if (auto ended = child_.kill_tree(); !ended) {
      reports_.log(true, ended.error().text());
    }
    return watched;
  }
  channel_ = std::make_unique<os::Channel>(io_, std::move(pair->ours));
  channel_->set_receiver(child_);
  channel_->start([this](const os::Received& received) { hear(received); },
                  // Its end is what counts.
                  [](const Error&) {});
  return {};
}

Result<void> ServiceHost::watch(const os::Process& supervisor) {
  auto watch =
      os::ProcessWatch::start(io_, supervisor, [this] { child_gone(); });
  if (!watch) return watch.error();
  watch_.emplace(std::move(*watch));
  return {};
}

void ServiceHost::hear(const os::Received& received) {
  if (received.frame.head == kServingWord) {
    policy_.committed(steady_clock::now());
    served_ = true;
    if (state_ == ServiceState::starting) enter(ServiceState::running);
  } else if (received.frame.head == kLinksWord) {
    if (auto given = give_links(); !given) {
      reports_.log(true, given.error().text());
    }
  }
}

// Nobody reads it; its last line tells why it ended.
void ServiceHost::on_output(std::string_view bytes) {
  if (bytes.empty()) {
    output_ended_ = true;
    if (child_gone_) child_ended();
  }
  for (const char byte : bytes) {
    if (byte == '\n') {
      last_line_ = std::exchange(unfinished_, {});
    } else if (byte != '\r' && unfinished_.size() < kMaxLine) {
      unfinished_ += byte;
    }
  }
}

void ServiceHost::order(ServiceOrder order) {
  if (ended_) return;
  if (order != ServiceOrder::stop) {
    if (channel_ && state_ == ServiceState::running) {
      channel_->send({std::string{word_of(order)}, {}, {}, 0});
    }
    return;
  }
  if (state_ == ServiceState::stopping) return;
  enter(ServiceState::stopping);
  if (!watch_) return end(0);  // between two supervisors
  channel_->send({std::string{word_of(order)}, {}, {}, 0});
  timer_.arm(options_.stop_deadline, [this] {
    reports_.log(true, "the supervisor did not stop in time: ended");
    if (auto killed = child_.kill_tree(); !killed) {
      reports_.log(true, killed.error().text());
    }
  });
}

// What it wrote may still be on its way.
void ServiceHost::child_gone() {
  if (follow()) return;
  child_gone_ = true;
  if (output_ended_) return child_ended();
  output_->finish();
}

void ServiceHost::child_ended() {
  // While its number is still its own.
  if (state_ == ServiceState::stopping) (void)child_.kill_tree();
  const auto status = (successor_ ? successor_ : child_).exit_status();
  survivors_.push_back(std::move(child_));
  if (survivors_.size() > kMaxSurvivors) survivors_.pop_front();
  child_ = {};
  watch_.reset();
  drop(next_);
  drop(back_);
  // The channel is what may be calling.
  boost::asio::post(io_, [gone = std::shared_ptr{std::move(channel_)},
                          // Borrowed by it.
                          process = std::make_shared<os::Process>(
                              std::exchange(successor_, {}))] {});
  if (!last_line_.empty()) {
    last_line_ = text::cat(": ", text::printable(last_line_));
  }
  const std::string why =
      text::cat("the supervisor ended: ", status.text(), last_line_);
  if (state_ == ServiceState::stopping) {
    if (!status.success()) reports_.log(true, why);
    return end(0);
  }
  // Somebody has asked the supervisor itself to stop.
  if (status.success()) return end(0);
  reports_.log(true, why);
  if (!served_ && is_hopeless(status)) return end(status.code);
  start_again(status.code, why);
}

void ServiceHost::start_again(std::uint32_t code, const std::string& why) {
  const auto delay = policy_.ended(steady_clock::now(), std::random_device{}());
  if (!delay) {
    reports_.log(true, text::cat("too often, no more: ", why));
    return end(code != 0 ? code : 1);
  }
  timer_.arm(*delay, [this] {
    if (auto launched = launch(); !launched) {
      reports_.log(true, launched.error().text());
      start_again(1, launched.error().text());
    }
  });
}

Result<void> run_service_host(const std::string& name,
                              const ServiceHostOptions& options) {
  return os::run_service(name, [&](os::ThisService& service) {
    boost::asio::io_context io{1};
    std::uint32_t result = 0;
    {
      const auto work = boost::asio::make_work_guard(io);
      ServiceHost host{io,
                       options,
                       {[&](ServiceState state) { service.report(state); },
                        [&](std::uint32_t code) {
                          result = code;
                          io.stop();
                        },
                        [&](bool error, const std::string& line) {
                          os::tell_system_log(name, error, line);
                        }}};
      service.take_orders([&](ServiceOrder order) {
        boost::asio::post(io, [&host, order] { host.order(order); });
      });
      host.start();
      io.run();
      service.take_orders({});
    }
    return result;
  });
}

}  // namespace relaunch::supervisor
