#include "common/handover/wants.hpp"

#include <utility>

#include "common/base/text.hpp"

namespace relaunch::handover {

void Wants::ask_from(PeerLink& link) { link_ = &link; }

void Wants::lost(const Error& error) {
  link_ = nullptr;
  why_not_ = error;
  for (const auto& [number, asked] : std::exchange(asked_, {})) {
    if (const auto promise = asked.lock()) promise->set_value(error);
  }
}

// One that nobody waits for any more goes away with its handles.
bool Wants::answer(std::uint32_t number, Answer answer) {
  auto asked = asked_.extract(number);
  if (asked.empty()) return false;
  const auto promise = asked.mapped().lock();
  if (!promise) return true;
  const auto* none = std::get_if<protocol::NotGiven>(&answer.message);
  if (none) {
    promise->set_value(
        Error{errc::handover_refused, text::printable(none->reason)});
  } else {
    promise->set_value(std::move(answer));
  }
  return true;
}

Result<Wants::Answer> Wants::ask(
    const Question& question, std::chrono::steady_clock::time_point deadline) {
  const auto promise = std::make_shared<Promise>();
  auto answered = promise->get_future();
  post_([this, question, asked = std::weak_ptr(promise)] {
    send(question, asked);
  });
  if (answered.wait_until(deadline) != std::future_status::ready) {
    return Error{errc::ready_timeout, "the incumbent has not given it in time"};
  }
  return answered.get();
}

void Wants::send(const Question& question,
                 const std::weak_ptr<Promise>& asked) {
  const auto promise = asked.lock();
  if (!promise) return;
  if (link_ == nullptr) return promise->set_value(why_not_);
  const std::uint32_t number = ++last_;
  asked_[number] = asked;
  link_->send(question(number));
}

}  // namespace relaunch::handover
