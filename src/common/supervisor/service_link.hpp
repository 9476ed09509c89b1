// How a supervisor below the Windows service manager is reached by its host.
//
// The service manager knows a service by one process: a small host that never
// changes, while the supervisor below it may be replaced. Between the two is a
// channel that nobody else can open. The host says "stop", "reload" and
// "upgrade", the supervisor "serving" and, at first, "here" with its process
// number; a word that is not known is passed over, so that either of them may
// be the newer one.
//
// A supervisor that is to be replaced says "links", and is given two more
// channels with the same word: one for the new supervisor, one for itself, if
// that comes in vain. (Its own it has used, and on Windows the end of a pipe
// that has been used is of no use to anybody else.) The host goes on with the
// one on which it is told "here"; it follows to the new process when the old
// one has ended.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.hpp"
#include "common/os/channel.hpp"
#include "common/os/service.hpp"
#include "common/os/system.hpp"
#include "common/upgrade/deadline_timer.hpp"

namespace relaunch::supervisor {

/// Names the end of the channel in the environment of the supervisor.
inline constexpr char kServiceVariable[] = "RELAUNCH_SERVICE_HOST";

/// The words, as the heads of frames: JSON strings.
inline constexpr std::string_view kServingWord = "\"serving\"";
inline constexpr std::string_view kLinksWord = "\"links\"";
std::string_view word_of(os::ServiceOrder order);
std::string here_word(os::ProcessId id);
/// Nothing: it is another word.
std::optional<os::ProcessId> who_is_here(std::string_view word);

/// The supervisor's end. All calls and callbacks on the io_context's thread.
class ServiceLink {
 public:
  struct Orders {
    std::function<void(os::ServiceOrder)> order;
    /// The host is gone: nobody reports to the service manager any more.
    std::function<void()> host_gone;
  };
  /// For one replacement.
  struct Links {
    os::Handle next;  ///< for kServiceVariable of the new supervisor
    os::Handle back;  ///< for keep(), if that comes in vain
  };
  using OnLinks = std::function<void(Result<Links>)>;
  /// Longer than a host needs that knows the word.
  static constexpr std::chrono::milliseconds kLinksDeadline{5'000};

  /// Null: no host started this process. The variable is unset: call it before
  /// other threads are started. What the variable names and is no channel is
  /// an error.
  static Result<std::unique_ptr<ServiceLink>> find(boost::asio::io_context& io,
                                                   Orders orders);
  /// What the next find() in this process finds.
  static void keep(os::Handle back);
  ServiceLink(boost::asio::io_context& io, os::Handle end, Orders orders);

  /// The first generation serves. Said again it means nothing more.
  void say_serving();
  /// `done` once, unless this is destroyed; never from within this. Error:
  /// the host is an older build, and does not answer.
  void ask_for_links(OnLinks done);

 private:
  void hear(os::Received received);
  void answer(Result<Links> links);

  os::Channel channel_;
  Orders orders_;
  upgrade::DeadlineTimer deadline_;
  OnLinks on_links_;
  bool said_ = false;
};

}  // namespace relaunch::supervisor
