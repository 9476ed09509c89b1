// What a successor asks its incumbent for, one answer to each question.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <vector>

#include "common/base/result.hpp"
#include "common/handover/peer_link.hpp"
#include "common/protocol/message.hpp"

namespace relaunch::handover {

/// The application's threads ask, the library's thread answers.
class Wants {
 public:
  struct Answer {
    protocol::Message message;
    std::vector<os::Incoming> handles;
  };
  using Post = std::function<void(std::function<void()>)>;
  /// The question with this number.
  using Question = std::function<protocol::Message(std::uint32_t number)>;

  /// `post` runs a function on the library's thread.
  explicit Wants(Post post) : post_(std::move(post)) {}

  /// Library's thread. There is somebody to ask; not beyond lost().
  void ask_from(PeerLink& link);
  /// Library's thread. Whoever waits, and whoever asks from now on, is answered
  /// with this.
  void lost(const Error& error);
  /// Library's thread. False: nobody has asked.
  bool answer(std::uint32_t number, Answer answer);

  /// Not on the library's thread: blocks until the answer is here, at most so
  /// long. errc::stopped: there is nobody to ask. errc::handover_refused:
  /// there is nothing, and why. errc::ready_timeout: no answer.
  Result<Answer> ask(const Question& question,
                     std::chrono::steady_clock::time_point deadline);

 private:
  using Promise = std::promise<Result<Answer>>;

  void send(const Question& question, const std::weak_ptr<Promise>& asked);

  Post post_;
  PeerLink* link_ = nullptr;
  Error why_not_{errc::stopped, "nobody is succeeded"};
  /// Whoever asked owns them, and lets go when he has no patience any more.
  std::map<std::uint32_t, std::weak_ptr<Promise>> asked_;
  std::uint32_t last_ = 0;
};

}  // namespace relaunch::handover
