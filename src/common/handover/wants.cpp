#include "common/handover/wants.hpp"

#include <utility>

#include "common/base/text.hpp"

namespace relaunch::handover {

void Wants::ask_from(PeerLink& link) { link_ = &link; }

void Wants::lost(const Error& error) {
  link_ = nullptr;
  why_not_ = error;
  for (auto& [number, promise] : std::exchange(asked_, {})) {
    promise->set_value(error);
  }
}

bool Wants::answer(std::uint32_t number, Answer answer) {
  auto asked = asked_.extract(number);
  if (asked.empty()) return false;
  const auto* none = std::get_if<protocol::NotGiven>(&answer.message);
  if (none) {
    asked.mapped()->set_value(
        Error{errc::handover_refused, text::printable(none->reason)});
  } else {
    asked.mapped()->set_value(std::move(answer));
  }
  return true;
}

Result<Wants::Answer> Wants::ask(
    const Question& question, std::chrono::steady_clock::time_point deadline) {
  auto promise = std::make_shared<Promise>();
  auto answered = promise->get_future();
  post_([this, question, promise = std::move(promise)] {
    send(question, promise);
  });
  if (answered.wait_until(deadline) != std::future_status::ready) {
    return Error{errc::ready_timeout, "the incumbent has not given it in time"};
  }
  return answered.get();
}

// An answer that nobody waits for any more goes away with its handles.
void Wants::send(const Question& question, std::shared_ptr<Promise> promise) {
  if (link_ == nullptr) return promise->set_value(why_not_);
  const std::uint32_t number = ++last_;
  asked_[number] = std::move(promise);
  link_->send(question(number));
}

}  // namespace relaunch::handover
