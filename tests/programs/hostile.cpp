#include "programs/hostile.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <charconv>
#include <chrono>
#include <memory>
#include <utility>

#include "common/os/channel.hpp"
#include "common/os/system.hpp"
#include "common/protocol/message.hpp"
#include "common/upgrade/context.hpp"
#include "support/system_facts.hpp"

namespace relaunch::test {
namespace {

using namespace protocol;

/// The bytes of a good message with one of them changed.
std::string bent(const Message& message, std::size_t at, char byte) {
  std::string bytes = encode(to_frame(message));
  bytes.at(at) = byte;
  return bytes;
}

/// What only the other side may say.
Message not_for(const Message& message) {
  const bool from_successor = message.index() < Message{Welcome{}}.index();
  if (from_successor) return Commit{1, 1};
  return Ready{};
}

class Hostile {
 public:
  Hostile(std::string kind, std::string moment)
      : kind_(std::move(kind)), moment_(std::move(moment)) {
    const auto number = os::environment_variable(upgrade::kChannelVariable);
    std::uintptr_t value = 0;
    std::from_chars(number->data(), number->data() + number->size(), value);
    raw_ = os::handle_from_number(value);
    channel_ = std::make_unique<os::Channel>(io_, os::Handle{raw_});
  }

  void run() {
    channel_->start(
        [this](const os::Received& received) {
          answer(from_frame(received.frame).value());
        },
        [](const Error&) {});
    say("hello", Hello{kMinVersion, kMaxVersion, os::own_process_id()});
    io_.run_for(std::chrono::minutes{2});
  }

 private:
  void answer(const Message& message) {
    if (const auto* listeners = std::get_if<Listeners>(&message)) {
      say("adopted", Adopted{listeners->batch});
      if (listeners->last) say("ready", Ready{});
    } else if (const auto* ask = std::get_if<AskHealth>(&message)) {
      say(has_turn_ ? "health" : "", Health{ask->question, true});
    } else if (std::get_if<Turn>(&message)) {
      has_turn_ = true;
      say("turn", Serving{});
    }
  }

  void say(const std::string& moment, const Message& message) {
    if (done_) return;
    if (moment != moment_) return channel_->send(to_frame(message));
    done_ = true;
    // What was said before goes first.
    io_.poll();
    misbehave(kind_, raw_, channel_, message);
  }

  const std::string kind_;
  const std::string moment_;
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type>
      work_{io_.get_executor()};
  native_handle raw_ = kNoHandle;
  std::unique_ptr<os::Channel> channel_;
  bool has_turn_ = false;
  bool done_ = false;
};

}  // namespace

void misbehave(const std::string& kind, native_handle raw,
               std::unique_ptr<os::Channel>& channel, const Message& message) {
  constexpr std::size_t kVersionAt = 4;
  constexpr std::size_t kHeadBytesAt = 8;
  const auto pid = os::own_process_id();
  if (kind == "garbage") write_raw(raw, std::string(300, '?'));
  if (kind == "version") write_raw(raw, bent(message, kVersionAt, 99));
  if (kind == "oversized") write_raw(raw, bent(message, kHeadBytesAt + 3, 99));
  if (kind == "truncated") {
    write_raw(raw, encode(to_frame(message)).substr(0, kHeaderBytes + 3));
    channel.reset();
  }
  if (kind == "nonsense") channel->send({R"({"type":"nonsense"})", "", "", 0});
  if (kind == "unexpected") channel->send(to_frame(not_for(message)));
  if (kind == "range") channel->send(to_frame(Hello{98, 99, pid}));
  if (kind == "pid") {
    channel->send(to_frame(Hello{kMinVersion, kMaxVersion, pid + 1}));
  }
}

void be_hostile(const std::string& kind, const std::string& moment) {
  Hostile(kind, moment).run();
}

}  // namespace relaunch::test
