// ServiceHost when another build takes the place of its supervisor.
#include <boost/asio/post.hpp>
#include <utility>

#include "common/supervisor/service_host.hpp"
#include "common/supervisor/service_link.hpp"

namespace relaunch::supervisor {

namespace {

/// What the new one says first may be heard later than the old one's end.
constexpr std::chrono::seconds kHereDeadline{5};

}  // namespace

Result<os::Handle> ServiceHost::open_link(
    std::unique_ptr<Link>& link, std::function<void(os::ProcessId)> on_here) {
  drop(link);
  auto pair = os::make_channel_pair();
  if (!pair) return pair.error();
  link = std::make_unique<Link>();
  link->channel = std::make_unique<os::Channel>(io_, std::move(pair->ours));
  link->channel->start(
      [on_here = std::move(on_here)](const os::Received& received) {
        if (const auto id = who_is_here(received.frame.head)) on_here(*id);
      },
      [this, &link](const Error&) {
        drop(link);
        if (awaits_here_) child_gone();
      });
  return std::move(pair->theirs);
}

// Whoever has the other end may be what is calling.
void ServiceHost::drop(std::unique_ptr<Link>& link) {
  if (!link) return;
  link->channel->restart([](const os::Received&) {}, [](const Error&) {});
  boost::asio::post(io_, [gone = std::shared_ptr{std::move(link)}] {});
}

Result<void> ServiceHost::give_links() {
  auto next = open_link(next_, [this](os::ProcessId id) { is_next(id); });
  if (!next) return next.error();
  auto back = open_link(back_, [this](os::ProcessId) {
    drop(next_);
    go_on_with(back_);
  });
  if (!back) return back.error();
  const auto ends = std::make_shared<std::pair<os::Handle, os::Handle>>(
      std::move(*next), std::move(*back));
  channel_->send(
      {std::string{kLinksWord}, {}, {}, 0},
      {os::SendHandle{ends->first.get()}, os::SendHandle{ends->second.get()}},
      [ends](const std::optional<Error>&) {});
  return {};
}

// It tells its own number, on a channel that nobody else has.
void ServiceHost::is_next(os::ProcessId id) {
  auto process = os::open_process(id);
  if (!process) return reports_.log(true, process.error().text());
  next_->process = std::move(*process);
  next_->channel->set_receiver(next_->process);
  if (awaits_here_) child_gone();
}

void ServiceHost::go_on_with(std::unique_ptr<Link>& link) {
  channel_ = std::move(link->channel);
  link.reset();
  channel_->restart([this](const os::Received& received) { hear(received); },
                    [](const Error&) {});
  // The one before may not have heard it.
  if (state_ == os::ServiceState::stopping) {
    channel_->send({std::string{word_of(os::ServiceOrder::stop)}, {}, {}, 0});
  }
}

// Is there another one, or may there be? It is in the tree of the first one.
bool ServiceHost::follow() {
  awaits_here_ = false;
  follow_timer_.disarm();
  if (!next_) return false;
  if (!next_->process) {
    awaits_here_ = true;
    follow_timer_.arm(kHereDeadline, [this] {
      drop(next_);
      child_gone();
    });
    return true;
  }
  auto process = std::move(next_->process);
  if (auto watched = watch(process); !watched) {
    reports_.log(true, watched.error().text());
    return false;
  }
  go_on_with(next_);
  successor_ = std::move(process);
  drop(back_);
  return true;
}

}  // namespace relaunch::supervisor
