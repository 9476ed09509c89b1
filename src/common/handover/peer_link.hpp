// The direct link between an incumbent and its successor: what lives behind
// the listeners crosses on it, whoever coordinates the upgrade.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "common/os/channel.hpp"
#include "common/os/process.hpp"
#include "common/protocol/message.hpp"
#include "common/upgrade/peer_end.hpp"

namespace relaunch::handover {

/// All calls and callbacks on the io_context's thread.
class PeerLink {
 public:
  using OnMessage =
      std::function<void(protocol::Message, std::vector<os::Incoming>)>;
  using OnSent = std::function<void(std::optional<Error>)>;

  /// `end` has never been used; `other` is the process at the other end.
  PeerLink(boost::asio::io_context& io, os::Handle end,
           std::shared_ptr<os::Process> other)
      : other_(std::move(other)), end_(io), channel_(io, std::move(end)) {
    channel_.set_receiver(*other_);
  }

  /// `on_lost` once: the link is of no use any more, or the other process has
  /// ended, though one that it forked may keep the link open. Also for a frame
  /// that says nothing here.
  void start(OnMessage on_message, std::function<void(Error)> on_lost) {
    on_lost_ = std::move(on_lost);
    watch_other();
    channel_.start(
        [this, on_message = std::move(on_message)](os::Received received) {
          if (lost_) return;
          auto message = protocol::from_frame(received.frame);
          if (!message) return lose(message.error());
          on_message(std::move(*message), std::move(received.handles));
        },
        [this](Error error) { lose(std::move(error)); });
  }

  /// As Channel::send.
  void send(const protocol::Message& message,
            std::vector<os::Outgoing> handles = {}, OnSent on_sent = {}) {
    channel_.send(protocol::to_frame(message), std::move(handles),
                  std::move(on_sent));
  }

  /// What the other says makes no sense: no more of it is heard.
  void lose(Error error) {
    lost_ = true;
    end_.stop_watching();
    if (auto on_lost = std::exchange(on_lost_, {})) on_lost(std::move(error));
  }
  bool lost() const { return lost_; }

 private:
  // Without it the end of the link is all that is known of the other.
  void watch_other() {
    if (!*other_) return;
    (void)end_.watch(*other_, [this] {
      lose({errc::channel_lost, "the other process has ended"});
    });
  }

  std::shared_ptr<os::Process> other_;
  upgrade::PeerEnd end_;
  os::Channel channel_;
  std::function<void(Error)> on_lost_;
  bool lost_ = false;
};

}  // namespace relaunch::handover
