// What the operator tells a supervisor from outside, beside its endpoint.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>

#include "common/base/result.hpp"

namespace relaunch::os {

enum class OperatorSignal {
  stop,                   ///< TERM; Windows: console events, the stop event
  stop_without_deadline,  ///< QUIT
  interrupt,              ///< INT: a key on a terminal; twice means at once
  upgrade,                ///< USR2
  reload,                 ///< HUP
  reopen_logs,            ///< USR1
};

/// Takes the signals of the whole process while it lives: for a program of our
/// own, not for a guest in somebody else's (see stop_request.hpp).
class OperatorSignals {
 public:
  /// `on_signal` on the io_context's thread.
  static Result<OperatorSignals> watch(
      boost::asio::io_context& io,
      std::function<void(OperatorSignal)> on_signal);
  OperatorSignals(OperatorSignals&&) noexcept;
  OperatorSignals& operator=(OperatorSignals&&) noexcept;
  ~OperatorSignals();  ///< no call comes afterwards

 private:
  struct Impl;
  explicit OperatorSignals(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

/// From here on they wait for the next watch(), also for that of the program
/// that this process becomes: none ends it meanwhile. Windows, where they are
/// not kept for anybody: does nothing.
void hold_operator_signals();

}  // namespace relaunch::os
