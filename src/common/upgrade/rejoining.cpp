#include "common/upgrade/rejoining.hpp"

#include <algorithm>
#include <utility>

#include "common/control/message.hpp"
#include "common/os/endpoint.hpp"

namespace relaunch::upgrade {

Rejoining::Rejoining(boost::asio::io_context& io, std::string address,
                     Introduce introduce, Found found)
    : io_(io),
      address_(std::move(address)),
      introduce_(std::move(introduce)),
      found_(std::move(found)),
      timer_(io) {
  try_later();
}

void Rejoining::try_later() {
  channel_.reset();
  timer_.arm(delay_, [this] { try_once(); });
  delay_ = std::min(2 * delay_, kLongestDelay);
}

void Rejoining::try_once() {
  auto channel = os::connect_endpoint(io_, address_, {});
  if (!channel) return try_later();
  channel_ = std::move(*channel);
  channel_->start(
      [this](os::Received received) { on_answer(std::move(received)); },
      [this](const Error&) { try_later(); });
  control::Request request;
  request.verb = control::Verb::rejoin;
  channel_->send(control::to_frame(request));
  channel_->send(protocol::to_frame(introduce_()));
  timer_.arm(kAnswerDeadline, [this] { try_later(); });
}

void Rejoining::on_answer(os::Received received) {
  const auto message = protocol::from_frame(received.frame);
  const auto* rejoined =
      message ? std::get_if<protocol::Rejoined>(&*message) : nullptr;
  auto* process = received.handles.empty()
                      ? nullptr
                      : std::get_if<os::Handle>(&received.handles.front());
  if (!rejoined || !process) return try_later();
  timer_.disarm();
  // This may be gone afterwards.
  const auto found = std::move(found_);
  found(std::move(channel_), os::Process{std::move(*process), rejoined->pid});
}

}  // namespace relaunch::upgrade
