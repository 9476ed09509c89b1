// How a supervisor below the Windows service manager is reached by its host.
//
// The service manager knows a service by one process: a small host that never
// changes, while the supervisor below it may be replaced. Between the two is a
// channel that nobody else can open. The host says "stop", "reload" and
// "upgrade", the supervisor "serving"; a word that is not known is passed over,
// so that either of them may be the newer one.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/result.hpp"
#include "common/os/channel.hpp"
#include "common/os/service.hpp"

namespace relaunch::supervisor {

/// Names the end of the channel in the environment of the supervisor.
inline constexpr char kServiceVariable[] = "RELAUNCH_SERVICE_HOST";

/// The words, as the heads of frames: JSON strings.
inline constexpr std::string_view kServingWord = "\"serving\"";
std::string_view word_of(os::ServiceOrder order);

/// The supervisor's end. All calls and callbacks on the io_context's thread.
class ServiceLink {
 public:
  struct Orders {
    std::function<void(os::ServiceOrder)> order;
    /// The host is gone: nobody reports to the service manager any more.
    std::function<void()> host_gone;
  };
  /// Null: no host started this process. The variable is unset: call it before
  /// other threads are started. What the variable names and is no channel is
  /// an error.
  static Result<std::unique_ptr<ServiceLink>> find(boost::asio::io_context& io,
                                                   Orders orders);
  ServiceLink(boost::asio::io_context& io, os::Handle end, Orders orders);

  /// The first generation serves. Said again it means nothing more.
  void say_serving();

 private:
  os::Channel channel_;
  Orders orders_;
  bool said_ = false;
};

}  // namespace relaunch::supervisor
