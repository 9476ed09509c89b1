// ForeignGeneration from its commit to its end.
#include <boost/asio/post.hpp>
#include <utility>

#include "common/base/text.hpp"
#include "common/supervisor/foreign_generation.hpp"

namespace relaunch::supervisor {

namespace event = upgrade::event;
using std::chrono::milliseconds;

namespace {

/// While a generation stops, the listeners are looked after so often: what it
/// shut down refuses every client until somebody listens again.
constexpr milliseconds kLook{20};

}  // namespace

ForeignGeneration::~ForeignGeneration() {
  if (!process_) return;
  // Whoever waits for it after this does not know of the grace.
  if (kill_under_way_) kill_now();
  // Not at once: this may be the end of everything.
  if (process_->gone()) {
    boost::asio::post(context_.io,
                      [care = care_, pid = process_->id()] { care.look(pid); });
  }
}

void ForeignGeneration::serve(upgrade::Reports reports) {
  reports_ = std::move(reports);
}

void ForeignGeneration::pause(const upgrade::Generation&,
                              std::function<void()> done) {
  done();
}

void ForeignGeneration::drain(milliseconds) { ask_to_stop(); }

// its end --------------------------------------------------------------------

void ForeignGeneration::ask_to_stop() {
  if (std::exchange(asked_to_stop_, true)) return;
  ready_probe_.cancel();
  health_probe_.cancel();
  retry_.disarm();
  watchdog_.disarm();
  look_again();
  console_stop_ = ask_program_to_stop(
      context_.io, process_, options_.foreign,
      [this](const Result<void>& result) { log_failure(result); });
}

void ForeignGeneration::kill() {
  if (std::exchange(kill_under_way_, true)) return kill_now();
  ask_to_stop();
  grace_.arm(context_.options.deadlines.grace, [this] { kill_now(); });
}

void ForeignGeneration::kill_now() {
  grace_.disarm();
  if (auto killed = process_->kill(); !killed) {
    context_.log(LogLevel::error, killed.error().text());
  }
}

void ForeignGeneration::stop_watching() {
  watch_.reset();
  watchdog_.disarm();
}

void ForeignGeneration::gone() {
  if (notify_) notify_->drain();  // why, perhaps
  look_.disarm();
  grace_.disarm();
  kill_under_way_ = false;
  ready_probe_.cancel();
  health_probe_.cancel();
  retry_.disarm();
  watchdog_.disarm();
  care_.look(process_->id());
  std::string text = end_text();
  if (muted_) return;
  if (reports_) return reports_->gone(std::move(text));
  tell(event::SuccessorGone{std::move(text)});
}

std::string ForeignGeneration::end_text() {
  std::string text = process_->exit_status().text();
  if (last_error_) {
    const std::error_code error{static_cast<int>(*last_error_),
                                std::generic_category()};
    text += text::cat(", it said: ", error.message());
  }
  if (!last_status_.empty()) text += text::cat(", status: ", last_status_);
  if (!last_probe_.empty() && !is_ready_) {
    text += text::cat(", last probe: ", last_probe_);
  }
  return text;
}

void ForeignGeneration::look_again() {
  look_.arm(kLook, [this] {
    care_.look(process_->id());
    if (!process_->gone()) look_again();
  });
}

}  // namespace relaunch::supervisor
